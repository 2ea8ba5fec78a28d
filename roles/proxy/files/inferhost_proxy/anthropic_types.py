# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What crosses the wire on /v1/messages: requests as far as they are read, answers and events as they are sent.

Requests are lenient where clients differ (roles, unknown members, null for absent), strict where a wrong type would
reach the model.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType


class Source(Struct):
    """Where an image or a document comes from."""

    type: str = "base64"
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    content: str | list[Block] | None = None


class Block(Struct):
    """A content block of any type; `type` says which members count."""

    type: str
    text: str | None = None
    thinking: str | None = None
    source: Source | str | None = None
    title: str | None = None
    context: str | None = None
    url: str | None = None
    id: str | None = None
    name: str | None = None
    tool_name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    content: str | list[Block] | Block | None = None
    is_error: bool | None = None
    error_code: str | None = None
    encrypted_content: str | None = None
    page_age: str | None = None


class Turn(Struct):
    """One of `messages`."""

    role: str
    content: str | list[Block]


class Location(Struct):
    city: str | None = None
    region: str | None = None
    country: str | None = None


class Tool(Struct):
    name: str | None = None
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    # Of a search that the server executes.
    max_uses: int | None = None
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    user_location: Location | None = None


class ToolChoice(Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct):
    type: str


class OutputFormat(Struct):
    type: str
    schema: dict[str, Any] | None = None


class OutputConfig(Struct):
    effort: str | None = None
    format: OutputFormat | None = None


class MessagesRequest(Struct):
    model: str
    messages: list[Turn]
    max_tokens: int | None = None
    system: str | list[Block] | None = None
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    """The older place of `output_config.format`."""
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    # What vLLM's own endpoint takes beyond Anthropic's.
    chat_template_kwargs: dict[str, Any] | None = None
    vllm_xargs: dict[str, Any] | None = None
    cache_salt: str | None = None


class TextDelta(Struct, tag="text_delta", gc=False):
    text: str


class ThinkingDelta(Struct, tag="thinking_delta", gc=False):
    thinking: str


class SignatureDelta(Struct, tag="signature_delta", gc=False):
    signature: str


class InputDelta(Struct, tag="input_json_delta", gc=False):
    partial_json: str


class Citation(Struct, tag="web_search_result_location"):
    """A link to a result. What of the page the words beside it come from is not known, so nothing is quoted."""

    url: str
    title: str
    encrypted_index: str
    cited_text: str = ""


class CitationsDelta(Struct, tag="citations_delta"):
    citation: Citation


BlockDelta = TextDelta | ThinkingDelta | SignatureDelta | InputDelta | CitationsDelta


class TextBlock(Struct, tag="text"):
    text: str = ""
    citations: list[Citation] | UnsetType = UNSET


class ThinkingBlock(Struct, tag="thinking"):
    thinking: str = ""
    signature: str = ""


class ToolUseBlock(Struct, tag="tool_use"):
    id: str
    name: str
    input: dict[str, Any] = {}


class ServerToolUseBlock(Struct, tag="server_tool_use"):
    """A call that the gateway executes itself."""

    id: str
    name: str
    input: dict[str, Any] = {}


class SearchResult(Struct, tag="web_search_result"):
    title: str
    url: str
    encrypted_content: str
    page_age: str | None = None


class SearchError(Struct, tag="web_search_tool_result_error"):
    error_code: str


class SearchResultBlock(Struct, tag="web_search_tool_result"):
    tool_use_id: str
    content: list[SearchResult] | SearchError


AnswerBlock = TextBlock | ThinkingBlock | ToolUseBlock | ServerToolUseBlock | SearchResultBlock


class ServerToolUsage(Struct):
    web_search_requests: int
    web_fetch_requests: int = 0


class AnswerUsage(Struct):
    """The prompt is `input_tokens` and `cache_read_input_tokens` together; the latter is left out while unknown."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | UnsetType = UNSET
    server_tool_use: ServerToolUsage | UnsetType = UNSET


class Message(Struct, tag="message"):
    id: str
    model: str
    usage: AnswerUsage
    role: str = "assistant"
    content: list[AnswerBlock] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None


class MessageStart(Struct, tag="message_start"):
    message: Message


class BlockStart(Struct, tag="content_block_start"):
    index: int
    content_block: AnswerBlock


class BlockDeltaEvent(Struct, tag="content_block_delta", gc=False):
    index: int
    delta: BlockDelta


class BlockStop(Struct, tag="content_block_stop", gc=False):
    index: int


class Stop(Struct):
    stop_reason: str
    stop_sequence: str | None = None


class MessageDelta(Struct, tag="message_delta"):
    delta: Stop
    usage: AnswerUsage


class MessageStop(Struct, tag="message_stop"):
    pass


Event = MessageStart | BlockStart | BlockDeltaEvent | BlockStop | MessageDelta | MessageStop

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_HEADS: dict[type[Struct], bytes] = {
    kind: f"event: {kind.__struct_config__.tag}\ndata: ".encode() for kind in (MessageStart, BlockStart, BlockDeltaEvent, BlockStop, MessageDelta, MessageStop)
}
# Valid in JSON, but line ends to some clients' stream readers. Inside the frames they can only stand in strings.
_LINE_ENDS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))
_encode = msgspec.json.Encoder().encode


def frames(events: list[Event]) -> bytes:
    """Events as they are sent."""
    data = b"".join([_HEADS[type(event)] + _encode(event) + b"\n\n" for event in events])
    if not data.isascii():
        for raw, escaped in _LINE_ENDS:
            data = data.replace(raw, escaped)
    return data
