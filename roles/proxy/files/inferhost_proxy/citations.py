# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which results of searches a text links to. Nothing else is a citation: what the model took from which page is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .search import Result

Sources = Mapping[str, str]
"""The titles of the results that the model was given, by their addresses."""
# An address, with the link that it is in. None of these characters is in the address of a result.
_LINK = re.compile(r"(?:\[[^\[\]]{0,400}\]\()?(https?://[^\s<>\"\\\[\]{}|^`]+)")
_BEHIND = ".,;:!?)'*_\u2019\u201d\u2026/"
"""What may follow an address and seem a part of it; a slash at its end is no difference."""


class Citation(NamedTuple):
    start: int
    end: int
    url: str
    title: str


def cited(text: str, sources: Sources) -> list[Citation]:
    """The links to these sources, in their order."""
    found: list[Citation] = []
    for match in _LINK.finditer(text) if sources else ():
        url, end = next(((url, match.start(1) + length) for url, length in _readings(match[1]) if url in sources), ("", 0))
        if url:
            linked = match.start() < match.start(1) and text[end : end + 1] == ")"
            found.append(Citation(match.start() if linked else match.start(1), end + linked, url, sources[url]))
    return found


def _readings(written: str) -> Iterator[tuple[str, int]]:
    """The addresses that this may be, with how much of it they are, the longest first."""
    for length in range(len(written), 0, -1):
        yield written[:length], length
        yield written[:length] + "/", length
        if written[length - 1] not in _BEHIND:
            return


def sources_of(results: Iterable[Result]) -> dict[str, str]:
    return {result.url: result.title for result in results}


def url_citations(text: str, sources: Sources) -> list[dict[str, Any]]:
    """The citations in OpenAI's form."""
    return [{"type": "url_citation", "start_index": start, "end_index": end, "url": url, "title": title} for start, end, url, title in cited(text, sources)]
