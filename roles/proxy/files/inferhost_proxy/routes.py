# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind of request a path is. The names are metric labels, so their set is closed."""

from __future__ import annotations

from typing import NamedTuple


class Route(NamedTuple):
    name: str
    anthropic: bool = False
    """Errors of the gateway are in Anthropic's form here, in OpenAI's elsewhere."""
    generates: bool = False
    """A JSON answer is held until complete, so that a broken one becomes an error and not half a document."""
    chat: bool = False
    """Answers may carry `tool_calls`."""
    ends: bool = False
    """A stream has an end marker; without it the answer is incomplete."""


OTHER = Route("other")
ROUTES = {
    "/v1/chat/completions": Route("chat", generates=True, chat=True, ends=True),
    "/v1/completions": Route("completions", generates=True, ends=True),
    "/v1/messages": Route("messages", anthropic=True, generates=True, ends=True),
    "/v1/messages/count_tokens": Route("count_tokens", anthropic=True),
    "/v1/responses": Route("responses", generates=True, ends=True),
    "/v1/embeddings": Route("embeddings"),
    "/v1/models": Route("models"),
    "/tokenize": Route("tokenize"),
    "/detokenize": Route("detokenize"),
    "/health": Route("health"),
    "/livez": Route("livez"),
    "/readyz": Route("readyz"),
    "/metrics": Route("metrics"),
    "/": Route("root"),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def classify(path: str) -> Route:
    """The route of a decoded path. A path below a known one keeps its error form, but is counted as `other`."""
    known = ROUTES.get(path)
    if known is not None:
        return known
    if path.startswith("/v1/models/"):
        return ROUTES["/v1/models"]
    return OTHER._replace(anthropic=path.startswith("/v1/messages/"))
