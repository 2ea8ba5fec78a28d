# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the configuration that is about searches, and what its types alone cannot say."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from .config_types import Positive, Seconds

ProviderName = Literal["ddgs", "searxng"]
Backend = Annotated[str, Meta(pattern=r"^[a-z]+$")]


class Search(Struct, frozen=True, forbid_unknown_fields=True):
    providers: list[ProviderName] = []
    """Asked in this order, the next one where the one before finds nothing or fails. Empty: no searches."""
    searxng_url: str | None = None
    ddgs_backends: list[Backend] = field(default_factory=lambda: ["duckduckgo", "brave", "mojeek"])
    """The engines that the library asks; queries go to these companies."""
    always_offer: bool = False
    """Chat completions are offered the search without asking for it."""
    seconds: Seconds = 10.0
    """For one search by one provider."""
    max_uses: Positive = 8
    """Searches within one answer."""
    max_results: Annotated[int, Meta(ge=1, le=50)] = 8
    max_chars: Annotated[int, Meta(ge=500)] = 16000
    """Of all results of one search together; a small context gets less."""
    max_at_once: Positive = 8
    cache_seconds: Annotated[float, Meta(ge=0)] = 600.0
    cache_entries: Positive = 128


def problem(search: Search) -> str | None:
    if len(set(search.providers)) < len(search.providers):
        return "`search.providers` names a provider twice"
    if "ddgs" in search.providers and not search.ddgs_backends:
        return "`search.ddgs_backends` names no engine"
    if "searxng" not in search.providers:
        return None
    try:
        url = urlsplit(search.searxng_url or "")
        valid = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 80) > 0
    except ValueError:
        valid = False
    if not valid or url.username is not None or url.query or url.fragment:
        return "`search.searxng_url` must be http://HOST:PORT or https://HOST:PORT, with a path where SearXNG has one"
    return None
