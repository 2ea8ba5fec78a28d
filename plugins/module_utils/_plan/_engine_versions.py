# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between vLLM releases, as data. Read in the source distributions of 0.9.2 to 0.33.0 and in published start-up logs."""

from __future__ import annotations

import re
import typing as t

Version = t.Tuple[int, int, int]

OLDEST: Version = (0, 9, 0)
NEWEST_READ: Version = (0, 33, 0)

T = t.TypeVar("T")

# Each table: the release from which the value holds, newest first.
# Bytes of the sampler's peak for each row of logits and vocabulary entry.
LOGIT_BYTES: t.Tuple[t.Tuple[Version, float], ...] = (((0, 17, 0), 14.6), ((0, 9, 0), 38.0))

# Whether the buffers of the fused experts stay allocated after the forward pass, beside the sampler's.
WORKSPACE_KEPT: t.Tuple[t.Tuple[Version, bool], ...] = (((0, 13, 0), True), ((0, 9, 0), False))

# GiB that are not torch's: on one GPU, and on each of several that are joined by NVSwitch.
NON_TORCH_GIB: t.Tuple[t.Tuple[Version, t.Tuple[float, float]], ...] = (((0, 18, 0), (0.25, 2.15)), ((0, 9, 0), (0.13, 0.54)))

# Whether the estimate of the CUDA graphs is taken off the cache. Before, graphs came on top of the engine's share.
GRAPHS_COUNTED: t.Tuple[t.Tuple[Version, bool], ...] = (((0, 20, 0), True), ((0, 9, 0), False))

# Blocks of recurrent state that a sequence of a hybrid model holds: two once prefix caching covers such models.
STATE_BLOCKS: t.Tuple[t.Tuple[Version, int], ...] = (((0, 17, 0), 2), ((0, 9, 0), 1))

# How many times the smaller layer count the larger may be for both to share one group size.
GROUP_GROWTH: t.Tuple[t.Tuple[Version, float], ...] = (((0, 20, 2), 1.5), ((0, 13, 0), 1.25), ((0, 9, 0), 1.0))

# The field of config.json that holds the settings of rotary positions; it also holds their base since transformers 5.
ROPE_FIELD: t.Tuple[t.Tuple[Version, str], ...] = (((0, 12, 0), "rope_parameters"), ((0, 9, 0), "rope_scaling"))

# From here on the log's "GPU KV cache size" is what fits at max_model_len; before it was the share of one group of layers.
TOKENS_BY_CONCURRENCY: Version = (0, 20, 2)

# Lowest compute capability that the published builds carry code for.
LOWEST_CAPABILITY: t.Tuple[t.Tuple[Version, t.Tuple[int, int]], ...] = (((0, 20, 0), (7, 5)), ((0, 9, 0), (7, 0)))

# Major version of CUDA that the published builds are made with; 13 needs driver 580, 12 any later than 525.
CUDA_MAJOR: t.Tuple[t.Tuple[Version, int], ...] = (((0, 20, 0), 13), ((0, 9, 0), 12))

# Processors on which the CPU engine can split a long prompt; elsewhere a prompt must fit into one batch.
CPU_CHUNKED_PREFILL: t.Tuple[t.Tuple[Version, t.FrozenSet[str]], ...] = (
    ((0, 32, 0), frozenset(("x86_64", "aarch64", "arm64", "ppc64le", "s390x"))),
    ((0, 11, 0), frozenset(("x86_64",))),
    ((0, 9, 0), frozenset()),
)

# Head sizes of the CPU attention kernel, as 0.32 lists them.
CPU_HEAD_SIZES = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)

# Libraries that the wheels of a build link to and do not bring: the file that the loader looks for, and the Debian package that has it.
LIBRARIES: t.Dict[str, t.List[t.Dict[str, str]]] = {
    "cpu": [{"file": "libnuma.so.1", "debian": "libnuma1"}],
    "cuda": [],
}

# Tokens of a cache block: the engine's default on the two devices.
CPU_BLOCK_TOKENS = 128
CUDA_BLOCK_TOKENS = 16


class EngineError(ValueError):
    """The version cannot be planned for."""


def parse_version(text: str) -> Version:
    """`0.32.0`, with whatever follows (`+cpu`, `rc1`) left out."""
    found = re.match(r"^v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not found:
        raise EngineError("engine_version: %r is not a version such as 0.32.0" % text)
    version = (int(found.group(1)), int(found.group(2)), int(found.group(3) or 0))
    if version < OLDEST:
        raise EngineError("engine_version: vLLM %s is older than %s, the oldest release this collection plans for" % (text, dotted(OLDEST)))
    return version


def dotted(version: t.Iterable[int]) -> str:
    """Numbers to text."""
    return ".".join(str(part) for part in version)


def value_for(table: t.Sequence[t.Tuple[Version, T]], version: Version) -> T:
    """The entry that holds for a release."""
    return next((value for since, value in table if version >= since), table[-1][1])
