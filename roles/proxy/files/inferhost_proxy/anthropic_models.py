# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of models as Anthropic's clients expect it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from .errors import Fault


class _Engine(Struct):
    id: str
    created: int = 0
    max_model_len: int | None = None


class Model(Struct, tag="model"):
    id: str
    display_name: str
    created_at: str
    max_input_tokens: int | None
    max_tokens: int | None


class ModelList(Struct):
    data: list[Model]
    has_more: bool
    first_id: str | None
    last_id: str | None


def listed(entries: list[dict[str, Any]], output_of: Callable[[str], int | None]) -> ModelList:
    """The engine's list in Anthropic's form. `output_of`: the output tokens that a model may write."""
    models = [model(entry, output_of) for entry in entries]
    ids = [one.id for one in models]
    return ModelList(models, False, ids[0] if ids else None, ids[-1] if ids else None)


def model(entry: dict[str, Any], output_of: Callable[[str], int | None]) -> Model:
    try:
        known = msgspec.convert(entry, _Engine)
    except msgspec.ValidationError as exc:
        raise Fault("upstream_protocol", "not a list of models") from exc
    created = datetime.fromtimestamp(known.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Model(known.id, known.id, created, known.max_model_len, output_of(known.id))
