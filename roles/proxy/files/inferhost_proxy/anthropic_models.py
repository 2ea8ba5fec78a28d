# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of models as Anthropic's clients expect it."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from .errors import Fault


class _Engine(Struct):
    id: str
    created: int = 0
    max_model_len: int | None = None


class _EngineList(Struct):
    data: list[_Engine]


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


def convert(body: bytes, path: str, max_output_tokens: int | None) -> bytes:
    """The engine's list in Anthropic's form; the one model when the path names it."""
    try:
        known = msgspec.json.decode(body, type=_EngineList).data
    except msgspec.DecodeError as exc:
        raise Fault("upstream_protocol", "not a list of models") from exc
    models = [_model(model, max_output_tokens) for model in known]
    wanted = unquote(path.removeprefix("/v1/models").lstrip("/"))
    if wanted:
        found = next((model for model in models if model.id == wanted), None)
        if found is None:
            raise Fault("not_found", message=f"There is no model `{wanted}`; there is: {', '.join(model.id for model in models)}")
        return msgspec.json.encode(found)
    ids = [model.id for model in models]
    return msgspec.json.encode(ModelList(models, False, ids[0] if ids else None, ids[-1] if ids else None))


def _model(model: _Engine, max_output_tokens: int | None) -> Model:
    created = datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Model(model.id, model.id, created, model.max_model_len, max_output_tokens)
