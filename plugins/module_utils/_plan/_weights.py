# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the weights take on one GPU, by the shape of the layers and by the checkpoint's files. Where the two disagree the larger counts. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._loaded import loaded_bytes, stored_bytes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Refusal

# Where only the files are known: alignment, repacking and tables add up to this much on published logs.
FILES_MARGIN = 0.025
# Files may hold a drafter, which is not loaded, or be a little larger than their tensors.
FILES_TOLERANCE = 0.005


class Weights(t.NamedTuple):
    """Bytes: of the checkpoint, and on one GPU once loaded. `source` says where the figure comes from."""

    stored: int
    on_a_gpu: int
    source: str


def weights_on_a_gpu(model: Model, file_bytes: t.Optional[int], files_source: str, tensor_parallel: int, compute_bytes: int) -> Weights:
    """Raises Refusal where neither the shape nor the files say it."""
    loaded, stored = loaded_bytes(model, tensor_parallel, compute_bytes), stored_bytes(model)
    if loaded is None or stored is None:
        if file_bytes is None:
            raise _unknown("quantised with %s" % (model.quantization.method if model.quantization else "nothing"))
        source = "%s, + %g %% for repacking and buffers" % (files_source, FILES_MARGIN * 100)
        return Weights(file_bytes, int(file_bytes / tensor_parallel * (1 + FILES_MARGIN)), source)
    if file_bytes is None and not model.tower_known:
        raise _unknown("a vision tower that its configuration does not describe")
    shape = "by the shape of the layers as the engine holds them, with rotary tables"
    if file_bytes is None:
        return Weights(stored, loaded, shape)
    # A float32 checkpoint is served in half its size.
    files = file_bytes * compute_bytes // 4 if model.dtype == "float32" and model.quantization is None else file_bytes
    drafters = model.drafter_elements * compute_bytes
    more = files - int(stored * (1 + FILES_TOLERANCE)) - drafters
    if more <= 0:
        return Weights(files, loaded, shape)
    return Weights(files, loaded + more // tensor_parallel, "%s, and what the files hold beyond that (%s)" % (shape, files_source))


def _unknown(why: str) -> Refusal:
    return Refusal(
        "files_unknown",
        "the size of the weights does not follow from the configuration alone (%s)" % why,
        ["give model_path, or model_files with the names and sizes of the checkpoint's files"],
    )
