# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrices of a vision tower and of the way from it into the language model, by the field vision_config. Pure.

Formats leave towers as they are, so what counts is their number of parameters: a transformer, a first convolution, positions and a projector.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import Config, Fields
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tensors import Tensor

COLOURS = 3
# Towers whose feed-forward layers have a gate.
GATED = frozenset(("gemma4_vision", "pixtral", "qwen2_5_vl"))
MLP_RATIO = 4


def tower_tensors(vision: Config, hidden: int, where: str) -> t.Tuple[Tensor, ...]:
    """The tower's matrices; `hidden` is the language model's width. Raises ModelError for a missing field."""
    fields = Fields(vision, where)
    kind = str(vision.get("model_type") or "")
    layers = fields.either(("depth", "num_hidden_layers"))
    # Qwen2-VL calls its own width embed_dim and the language model's hidden_size.
    width = fields.either(("embed_dim", "hidden_size"))
    inner = fields.integer("intermediate_size", int(width * float(vision.get("mlp_ratio") or MLP_RATIO)))
    up = 2 if kind in GATED else 1
    patch = COLOURS * fields.integer("temporal_patch_size", 1) * fields.integer("patch_size", 14) ** 2
    made = [Tensor("visual.patch_embed", patch, width, "tower", split=False)]
    for number in range(layers):
        prefix = "visual.blocks.%d." % number
        made += [
            Tensor(prefix + "attn.qkv", 3 * width, width, "tower"),
            Tensor(prefix + "attn.proj", width, width, "tower"),
            Tensor(prefix + "mlp.fc1", up * inner, width, "tower"),
            Tensor(prefix + "mlp.fc2", width, inner, "tower"),
        ]
    return tuple(made + _positions(fields, vision, width) + _projector(fields, vision, width, hidden))


def _positions(fields: Fields, vision: Config, width: int) -> t.List[Tensor]:
    if vision.get("num_position_embeddings"):
        return [Tensor("visual.pos_embed", fields.integer("num_position_embeddings"), width, "tower", split=False)]
    if vision.get("position_embedding_size"):
        return [Tensor("visual.pos_embed", 2 * fields.integer("position_embedding_size"), width, "tower", split=False)]
    if vision.get("model_type") in ("siglip_vision_model", "clip_vision_model"):
        side = fields.integer("image_size") // fields.integer("patch_size")
        return [Tensor("visual.pos_embed", side * side, width, "tower", split=False)]
    return []


def _projector(fields: Fields, vision: Config, width: int, hidden: int) -> t.List[Tensor]:
    """Several patches become one token of the language model: Qwen merges them, and more than once where deeper layers look too."""
    if "spatial_merge_size" not in vision:
        return [Tensor("multi_modal_projector", hidden, width, "tower")]
    merged = width * fields.integer("spatial_merge_size") ** 2
    times = 1 + len(vision.get("deepstack_visual_indexes") or ())
    out = fields.integer("out_hidden_size", hidden)
    return [one for _time in range(times) for one in (Tensor("visual.merger.0", merged, merged, "tower"), Tensor("visual.merger.2", out, merged, "tower"))]
