# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A context longer than the one a model was trained for, by YaRN: only where it is asked for, because it costs quality on short texts. Pure.

Read from vLLM (config.py, 0.9.2 to 0.33.0) and tried with 0.32: an override replaces the field as a whole, so the base of the rotation has to be
given again, and the length is read from max_position_embeddings.
"""

from __future__ import annotations

import json
import math
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import ROPE_FIELD, Version, value_for
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, Refusal, Wishes, flag, warning

# The factor counts in halves, as the models' makers write it.
FACTOR_STEPS = 2
LARGEST_FACTOR = 4.0


class Stretched(t.NamedTuple):
    """The model with the longer context, and what the engine and the user have to be told."""

    model: Model
    flags: t.List[Document]
    warnings: t.List[Document]


def stretched(model: Model, name: str, wishes: Wishes, version: Version) -> Stretched:
    """The model as it is where its context is long enough. Raises Refusal where it is not and YaRN was not asked for, or does not help."""
    native = model.native_context
    if wishes.context <= native:
        return Stretched(model, [], [])
    if not wishes.yarn:
        remedies = ["lower context to %d or less" % native]
        if model.plain_rope:
            remedies.append("set yarn to true to stretch the positions, which costs quality on short texts")
        raise Refusal("context_above_native", "a context of %d was asked for and %s was trained for %d" % (wishes.context, name, native), remedies)
    factor = math.ceil(wishes.context / native * FACTOR_STEPS) / FACTOR_STEPS
    if not model.plain_rope or factor > LARGEST_FACTOR:
        why = "its positions are stretched already, or of another kind" if not model.plain_rope else "YaRN would have to stretch %g times" % factor
        raise Refusal(
            "yarn_not_possible",
            "a context of %d was asked for and %s was trained for %d; %s" % (wishes.context, name, native, why),
            ["lower context to %d or less" % int(native * (LARGEST_FACTOR if model.plain_rope else 1))],
        )
    length = int(native * factor)
    settings = {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": native}
    field = value_for(ROPE_FIELD, version)
    if field == "rope_parameters":
        settings["rope_theta"] = model.rope_theta
    overrides = {field: settings, "max_position_embeddings": length}
    return Stretched(
        model._replace(native_context=length, rope_elements=int(model.rope_elements * factor)),
        [flag("--hf-overrides", json.dumps(overrides, separators=(",", ":"), sort_keys=True), "YaRN: %d positions stretched %g times" % (native, factor))],
        [warning("yarn", "YaRN stretches every text, so short ones get worse; leave context at %d where that is enough" % native)],
    )
