# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of a plan for NVIDIA GPUs, each by its name and with where it comes from. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._budget import Budget, Load
from ansible_collections.inferhost.llm.plugins.module_utils._plan._cache_layers import CacheLayers
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import GRAPHS_COUNTED, LOGIT_BYTES, value_for
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import KvLayout
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, size

KINDS = {"full": "full attention", "sliding": "windows of %d tokens", "chunked": "chunks of %d tokens", "latent": "a latent", "state": "a recurrent state"}


def sizes(load: Load, terms: Budget, weights_source: str, cache: KvLayout, available: int, context: int) -> t.List[Document]:
    """Of one GPU. `available`: bytes of the cache; `context`: tokens of one request of full length."""
    per_gpu = ", a GPU" if load.tensor_parallel > 1 else ""
    made = [
        size("gpu_memory", terms.requested, "bytes", "share of the memory that the engine takes%s" % per_gpu),
        size("weights", terms.weights, "bytes", weights_source + per_gpu),
        size("activation_peak", terms.activation, "bytes", _activation(load) + per_gpu),
        size("cuda_graphs", terms.graphs, "bytes", _graphs(load)),
        size("non_torch", terms.non_torch, "bytes", "published logs: CUDA context, cuBLAS%s" % (", NCCL" if load.tensor_parallel > 1 else "")),
        size("kv_bytes_per_token", cache.bytes_per_token, "bytes/token", "numbers that %s keep of a token%s" % (_kept(load.model.cache), per_gpu)),
    ]
    if cache.state_bytes_per_sequence:
        blocks = cache.state_bytes_per_sequence // cache.block_bytes
        source = "%d blocks of %d bytes for the recurrent layers, whatever the length" % (blocks, cache.block_bytes)
        made.append(size("state_per_sequence", cache.state_bytes_per_sequence, "bytes", source))
    return [
        *made,
        size("kv_cache", available, "bytes", "utilisation x memory - weights - activation - graphs - non-torch%s" % per_gpu),
        size("kv_tokens", cache.tokens(available, context), "tokens", "whole blocks of %d tokens in the cache" % cache.block_tokens),
        size("concurrency", round(cache.concurrency(available, context), 2), "sequences", "requests of max_model_len that fit at once"),
        size("headroom", terms.cache - cache.bytes_for(context), "bytes", "cache left beside one request of max_model_len%s" % per_gpu),
    ]


def _activation(load: Load) -> str:
    pieces = ["a step of %d tokens" % load.batched, "%g bytes x %d sequences x vocabulary" % (value_for(LOGIT_BYTES, load.version), load.sequences)]
    parts = "the larger of %s and %s" % tuple(pieces)
    if load.model.experts:
        parts += ", the experts' buffers"
    return parts + (", a trial image" if load.model.vision else "")


def _graphs(load: Load) -> str:
    if value_for(GRAPHS_COUNTED, load.version):
        return "the engine's estimate, by layers and batch sizes, on published logs"
    return "before vLLM 0.20 graphs come on top of the engine's share"


def _kept(layers: t.Sequence[CacheLayers]) -> str:
    return " and ".join(_kept_by(one) for one in layers if one.state is None)


def _kept_by(one: CacheLayers) -> str:
    kind = KINDS[one.kind] % one.window if one.window else KINDS[one.kind]
    return "%d layers with %s (%s%d)" % (one.layers, kind, "%d heads x " % one.heads if one.heads else "", one.numbers)
