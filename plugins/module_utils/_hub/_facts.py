# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan needs to know of a model before anything large is fetched."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import HubError
from ansible_collections.inferhost.llm.plugins.module_utils._hub._files import RemoteFile
from ansible_collections.inferhost.llm.plugins.module_utils._hub._net import get
from ansible_collections.inferhost.llm.plugins.module_utils._hub._sources import Source
from ansible_collections.inferhost.llm.plugins.module_utils._plan._checkpoint import with_quantization

# Large, and of no interest to a plan.
_LEFT_OUT = ("added_tokens_decoder", "chat_template")


def read_small_files(folder: str, source: Source, commit: str, wished: t.Sequence[RemoteFile], good: t.Collection[str], tries: int) -> dict[str, t.Any]:
    """config.json with the quantisation that may lie beside it, the settings of tokenizer and sampling, and the chat template.

    From the folder where they are there, otherwise from the hub.
    """
    names = {one.name for one in wished}
    if "config.json" not in names:
        gguf = any(name.endswith(".gguf") for name in names)
        hint = (
            "its files are GGUF, which llama.cpp reads; take the model that they were made from, or its AWQ or FP8 form"
            if gguf
            else "it is no model that vLLM reads"
        )
        raise HubError("option", f"{source.model} has no config.json: {hint}. See {source.page}")

    def text(name: str) -> str:
        if name not in names:
            return ""
        if name in good:
            with open(os.path.join(folder, name), encoding="utf-8") as stream:
                return stream.read()
        return get(source.url(commit, name), source.headers, tries).decode("utf-8", "replace")

    config = _object(text("config.json"), "config.json", source)
    tokenizer = _object(text("tokenizer_config.json") or "{}", "tokenizer_config.json", source)
    return {
        "config": with_quantization(config, _object(text("hf_quant_config.json") or "{}", "hf_quant_config.json", source)),
        "generation_config": _object(text("generation_config.json") or "{}", "generation_config.json", source),
        "tokenizer_config": {name: value for name, value in tokenizer.items() if name not in _LEFT_OUT},
        "chat_template": text("chat_template.jinja") or _template(tokenizer.get("chat_template")),
    }


def _object(content: str, name: str, source: Source) -> dict[str, t.Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise HubError("protocol", f"{name} of {source.model} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise HubError("protocol", f"{name} of {source.model} holds no JSON object")
    return document


def _template(given: t.Any) -> str:
    """One template, or several by name."""
    if isinstance(given, list):
        return "\n".join(str(entry.get("template", "")) for entry in given if isinstance(entry, dict))
    return given if isinstance(given, str) else ""
