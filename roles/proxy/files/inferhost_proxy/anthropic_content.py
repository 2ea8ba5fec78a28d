# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content blocks of a request as text and image parts of a chat message."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from .anthropic_system import SEPARATOR, join
from .anthropic_types import Block, Source
from .errors import Fault

Part = dict[str, Any]
Content = str | list[Part]

IGNORED = frozenset({"redacted_thinking", "thinking", "container_upload", "compaction", "mid_conv_system", "fallback"})
"""What says nothing to a model that did not make it."""


def invalid(message: str) -> Fault:
    return Fault("invalid_request", message=message)


def text_part(text: str) -> Part:
    return {"type": "text", "text": text}


def parts_of(content: str | list[Block] | Block | None, where: str) -> list[Part]:
    """The parts that a model can be shown; raises for what it cannot."""
    if content is None:
        return []
    if isinstance(content, str):
        return [text_part(content)] if content else []
    blocks = [content] if isinstance(content, Block) else content
    return [part for index, block in enumerate(blocks) for part in shown(block, f"{where}.{index}")]


def shown(block: Block, where: str) -> list[Part]:
    """The parts of one block."""
    if block.type == "text":
        return [text_part(block.text)] if block.text else []
    if block.type == "image":
        return [image(block, where)]
    if block.type == "document":
        return document(block, where)
    if block.type == "search_result":
        source = block.source if isinstance(block.source, str) else None
        return with_head([block.title, source], parts_of(block.content, where))
    if block.type == "web_search_result":
        return [text_part(join(filter(None, [block.title, block.url])))]
    if block.type == "web_search_tool_result_error":
        return [text_part(f"The search failed: {block.error_code}")]
    if block.type == "tool_reference":
        return [text_part(f"The tool {block.tool_name or block.name} is available now.")]
    if block.type in IGNORED:
        return []
    raise invalid(f"{where}: blocks of type `{block.type}` are not supported here")


def image(block: Block, where: str) -> Part:
    source = block.source
    if isinstance(source, Source) and source.type == "base64" and source.data:
        return {"type": "image_url", "image_url": {"url": f"data:{source.media_type or 'image/png'};base64,{source.data}"}}
    if isinstance(source, Source) and source.type == "url" and source.url:
        return {"type": "image_url", "image_url": {"url": source.url}}
    raise invalid(f"{where}.source: an image is given as `base64` with its data or as `url`")


def document(block: Block, where: str) -> list[Part]:
    """A document's text. What needs a reader of its own, such as PDF, is refused rather than left out."""
    source = block.source
    if not isinstance(source, Source):
        raise invalid(f"{where}.source: a document needs a source")
    head = [block.title, block.context]
    if source.type == "content":
        return with_head(head, parts_of(source.content, f"{where}.source.content"))
    if source.type == "text":
        return with_head(head, parts_of(source.data, where))
    if source.type == "base64" and (source.media_type or "").startswith("text/"):
        return with_head(head, parts_of(_decoded(source.data or "", where), where))
    kind = source.media_type or ("application/pdf" if source.type == "url" else source.type)
    raise invalid(
        f"{where}: documents of type `{kind}` are not supported by this server; send the text of the document as a `text` source, or its pages as images",
    )


def _decoded(data: str, where: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise invalid(f"{where}.source.data: not base64 of UTF-8 text") from exc


def with_head(head: Iterable[str | None], parts: list[Part]) -> list[Part]:
    text = "\n".join(line for line in head if line)
    return [text_part(text), *parts] if text else parts


def compact(parts: list[Part]) -> Content:
    """Only text becomes one string, which every template takes; beside images it stays in its place."""
    joined: list[Part] = []
    for part in parts:
        if part["type"] == "text" and joined and joined[-1]["type"] == "text":
            joined[-1] = text_part(joined[-1]["text"] + SEPARATOR + part["text"])
        else:
            joined.append(part)
    if len(joined) == 1 and joined[0]["type"] == "text":
        return str(joined[0]["text"])
    return joined or ""
