# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a search is: its terms, its results, the ways in which it fails, and what is kept of a stranger's text.

A search never fails the request it is made for: the model and the client get one of the error codes, as a result.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

MAX_QUERY_CHARS = 400
MAX_TITLE_CHARS, MAX_URL_CHARS, MAX_AGE_CHARS = 200, 2000, 40
MAX_SITES = 8
"""Domains that are put into the query; of more, only the results are looked at."""

SPARE_LEGS = 3
"""Answers of the engine beyond the searches allowed: to say something after the last, and to be told that there are no more."""

Kind = Literal["rate_limited", "unavailable", "timed_out", "bad_query", "query_too_long", "max_uses_exceeded"]
Code = Literal["too_many_requests", "unavailable", "invalid_tool_input", "query_too_long", "max_uses_exceeded"]

CODES: dict[Kind, Code] = {
    "rate_limited": "too_many_requests",
    "unavailable": "unavailable",
    "timed_out": "unavailable",
    "bad_query": "invalid_tool_input",
    "query_too_long": "query_too_long",
    "max_uses_exceeded": "max_uses_exceeded",
}
"""Our reasons, in the words of Anthropic's API."""


_DOMAIN = re.compile(r"[^\s/()\"*?#@:]+(?::\d+)?(?:/[^\s()\"*?#]*)?")


class SearchFailed(Exception):
    """A provider did not answer. `cause` is for the log: it names no query."""

    def __init__(self, kind: Kind, cause: str = "") -> None:
        super().__init__(kind)
        self.kind: Kind = kind
        self.cause = cause


class Result(NamedTuple):
    title: str
    url: str
    text: str
    age: str | None = None


class Terms(NamedTuple):
    """What the request says of its searches."""

    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    country: str | None = None
    """Two letters."""


class Wanted(NamedTuple):
    """What a provider is asked."""

    query: str
    country: str | None
    most: int


class Outcome(NamedTuple):
    results: tuple[Result, ...] = ()
    error: str | None = None


class Provider(Protocol):
    name: str

    async def search(self, wanted: Wanted) -> list[Result]:
        """The results as they are; an empty list when there are none. Raises SearchFailed."""

    async def close(self) -> None: ...


def query_problem(query: str | None) -> Kind | None:
    if query is None or not query.strip():
        return "bad_query"
    return "query_too_long" if len(query) > MAX_QUERY_CHARS else None


def near(*place: str | None) -> str | None:
    """The user's city, region and country in words; None where there is none of them."""
    return clean(", ".join(part for part in place if part), 200) or None


def asked(query: str, terms: Terms) -> str:
    """The query with the domains that it is limited to."""
    words = clean(query, MAX_QUERY_CHARS)
    if not terms.allowed or len(terms.allowed) > MAX_SITES:
        return words
    return f"{words} ({' OR '.join(f'site:{domain}' for domain in terms.allowed)})" if len(terms.allowed) > 1 else f"{words} site:{terms.allowed[0]}"


def selected(results: Iterable[Result], terms: Terms) -> list[Result]:
    """Those that the request's domains let through."""
    return [
        result
        for result in results
        if (not terms.allowed or any(_within(result.url, domain) for domain in terms.allowed))
        and not any(_within(result.url, domain) for domain in terms.blocked)
    ]


def domains(given: Sequence[str] | None) -> tuple[str, ...]:
    """Domains as they are compared: clients also write addresses and wildcards. ValueError names one that is none."""
    return tuple(map(_domain, given or ()))


def _domain(given: str) -> str:
    bare = re.sub(r"^(?:https?://)?(?:\*\.)?", "", given.strip().lower()).rstrip("/")
    if _DOMAIN.fullmatch(bare) is None:
        raise ValueError(f"`{clean(given, 100)}` is not a domain")
    return bare


def _within(url: str, domain: str) -> bool:
    """Whether an address is in a domain, in one below it, or under a path of it."""
    parts = urlsplit(url)
    host, slash, path = domain.partition("/")
    known = (parts.hostname or "").lower()
    if known != host and not known.endswith("." + host):
        return False
    return not slash or parts.path == f"/{path}" or parts.path.startswith(f"/{path}/")


def cleaned(results: Iterable[Result], count: int, max_chars: int) -> tuple[Result, ...]:
    """What of the results a model may be shown: real addresses, no control characters, and not too much."""
    kept: list[Result] = []
    seen: set[str] = set()
    each = max(200, max_chars // count)
    left = max_chars
    for result in results:
        if len(kept) == count:
            break
        url = web_address(result.url.strip())
        if url is None or url in seen:
            continue
        title = clean(result.title, MAX_TITLE_CHARS) or url
        age = clean(result.age, MAX_AGE_CHARS) if result.age else ""
        room = left - len(url) - len(title) - len(age)
        if room < 0:
            continue
        text = clean(result.text, min(each, room))
        seen.add(url)
        kept.append(Result(title, url, text, age or None))
        left = room - len(text)
    return tuple(kept)


_HOST = re.compile(r"[^\[\]{}|^`]+|\[[0-9a-f:.]+\](?::\d+)?", re.IGNORECASE)
_ENCODED = str.maketrans({char: f"%{ord(char):X}" for char in "[]{}|^`"})
"""What has no place in an address behind its host, and would be read as the beginning of a mark."""


def web_address(url: str) -> str | None:
    """The address of the web, written so that it can only be one; None where it is none."""
    if not url.isprintable() or any(char in url for char in ' <>"\\'):
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return None
    if not valid or _HOST.fullmatch(parts.netloc) is None:
        return None
    behind = len(parts.scheme) + len("://") + len(parts.netloc)
    written = url[:behind] + url[behind:].translate(_ENCODED)
    return written if len(written) <= MAX_URL_CHARS else None


# Where a chat template's own marks begin. The engine would read them as such, whoever wrote them.
_MARK = re.compile(
    r"<(?=/?(?:[|\uff5c]|tool|think|function|start_of_turn|end_of_turn|s>|bos>|eos>))|\[(?=/?(?:INST|TOOL|AVAILABLE_TOOLS|SYSTEM))", re.IGNORECASE
)


def clean(text: str, limit: int) -> str:
    """A stranger's text on one line: without control and formatting characters, halves of pairs, or marks of chat templates."""
    visible = "".join(
        char if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else " " if char.isspace() else "" for char in text[: limit * 4]
    )
    whole = _MARK.sub(lambda match: match[0] + " ", " ".join(visible.split()))
    return whole if len(whole) <= limit else whole[: max(0, limit - 1)].rstrip() + "…" * (limit > 0)
