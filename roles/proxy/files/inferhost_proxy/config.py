# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration file: its shape, its checks, and errors that say what to change."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from . import expiry, search_config, upstream_config
from .config_types import Label, Port, Positive, Seconds, Text
from .search_config import Search
from .upstream_config import Alias, Health, Timeouts, Upstream

InlineSystem = Literal["fold", "hoist", "preserve"]


class ConfigError(Exception):
    """The configuration cannot be used; the message is one line for the operator."""


class ApiKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A client's key: a file with its digest (or, for one person's use, the key itself), or the digest here."""

    label: Label
    file: Text | None = None
    digest: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    expires: Text | None = None
    """RFC 3339; a day alone is meant to its end in UTC."""
    requests_per_minute: Positive | None = None
    concurrent_requests: Positive | None = None


class Trace(Struct, frozen=True, forbid_unknown_fields=True):
    create: bool = False
    """A request without a trace context gets one."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    max_model_len: Positive | None = None
    max_output_tokens: Positive | None = None
    max_in_flight: Positive = 512
    max_body_bytes: Positive = 32 * 2**20
    max_event_bytes: Positive = 8 * 2**20
    max_held_bytes: Positive = 512 * 2**20
    """Request bodies and whole answers held at one time, over all requests."""


class Anthropic(Struct, frozen=True, forbid_unknown_fields=True):
    inline_system: InlineSystem = "fold"
    """System messages between the others: into the text beside them, to the front, or left as they are."""
    ping_seconds: Annotated[float, Meta(gt=0, le=10)] = 8.0
    """So long a stream may be silent before its client is told that it lives."""


class Rescue(Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool = True
    """Tool calls that the model server left in the text become calls."""
    max_held_chars: Positive = 256 * 1024
    """The longest such call; what begins like one is held back until it is one or none."""


class OpenAI(Struct, frozen=True, forbid_unknown_fields=True):
    both_reasoning_names: bool = True
    """Reasoning is in `reasoning` and in `reasoning_content`, whichever the model server writes."""
    keep_alive_seconds: Seconds = 10.0
    """After so much silence a stream gets a comment, which keeps connections open that others would close."""
    stop_in_text_only: bool = False
    """Stop strings are kept from the model server, which would also end the reasoning at them, and end the text here."""
    deduplicate: bool = False
    """An answer that says everything twice is said once."""
    mistral_history: bool = False
    """Call ids of nine letters and digits, and no empty text beside a call, as Mistral's chat templates demand."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    api_keys: Annotated[list[ApiKey], Meta(min_length=1)]
    upstreams: Annotated[list[Upstream], Meta(min_length=1)]
    host: Text = "127.0.0.1"
    port: Port = 4000
    secrets_dir: str = ""
    timeouts: Timeouts = Timeouts()
    health: Health = Health()
    aliases: dict[str, Alias] = {}
    limits: Limits = Limits()
    rescue: Rescue = Rescue()
    openai: OpenAI = OpenAI()
    models: list[Text] = []
    anthropic: Anthropic = Anthropic()
    search: Search = Search()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    trace: Trace = Trace()
    drain_seconds: Annotated[int, Meta(ge=0)] = 25
    ready_seconds: Seconds = 3.0
    """Within this the model server has to answer a readiness check."""


def load(path: Path) -> Config:
    """The configuration in a file."""
    return decode(read(path), path)


def read(path: Path) -> bytes:
    """What is in the file now."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror or exc}") from exc


def decode(data: bytes, path: Path) -> Config:
    """The configuration in what was read from a file."""
    try:
        return parse(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        raise ConfigError(f"{path}: not valid JSON: {exc}") from exc
    except ConfigError as exc:
        raise ConfigError(f"{path}: {exc}") from exc


def parse(raw: object) -> Config:
    """The configuration in decoded JSON."""
    try:
        config = msgspec.convert(raw, Config, strict=True)
    except msgspec.ValidationError as exc:
        raise ConfigError(_explain(str(exc))) from exc
    problem = _problem(config)
    if problem is not None:
        raise ConfigError(problem)
    return config


_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.*?)`(?: - at `(?P<path>.*)`)?")
_INDEX = re.compile(r"\[\d+\]")
_TYPES: dict[str, type[Struct]] = {
    "$": Config,
    "$.api_keys[]": ApiKey,
    **upstream_config.TYPES,
    "$.limits": Limits,
    "$.anthropic": Anthropic,
    "$.rescue": Rescue,
    "$.openai": OpenAI,
    "$.trace": Trace,
    "$.search": Search,
}


def _explain(message: str) -> str:
    """msgspec's message, with the nearest known key where one is unknown."""
    match = _UNKNOWN.fullmatch(message)
    if match is None:
        return message
    path = match["path"] or "$"
    known = _TYPES[_INDEX.sub("[]", path)].__struct_fields__
    near = difflib.get_close_matches(match["field"], known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(sorted(known))}"
    place = path.removeprefix("$").removeprefix(".")
    return f"unknown key `{match['field']}`{f' in `{place}`' if place else ''}; {hint}"


def _problem(config: Config) -> str | None:
    """What the types alone cannot say."""
    labels = [key.label for key in config.api_keys]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        return f"`api_keys`: the label `{twice}` is there twice; each key needs its own"
    for key in config.api_keys:
        problem = _key_problem(key)
        if problem is not None:
            return f"`api_keys`: the key `{key.label}` {problem}"
    found = upstream_config.problem(config.upstreams, config.aliases, config.host, config.port) or search_config.problem(config.search)
    if found is not None:
        return found
    addresses = {f"upstreams[{index}].url": upstream.url for index, upstream in enumerate(config.upstreams)}
    if "searxng" in config.search.providers:
        addresses["search.searxng_url"] = config.search.searxng_url or ""
    nameless = next((place for place, url in addresses.items() if not _has_name(url)), None)
    return None if nameless is None else f"`{nameless}`: its host cannot be a name; each part between dots has 1 to 63 characters"


def _has_name(url: str) -> bool:
    """Whether the host can be looked up at all: a name that cannot is no answer of the resolver but an exception."""
    host = urlsplit(url).hostname or ""
    try:
        return "\0" not in host and bool(host.encode("idna"))
    except UnicodeError:
        return False


def _key_problem(key: ApiKey) -> str | None:
    if (key.file is None) == (key.digest is None):
        return "needs either `file` or `digest`"
    try:
        expiry.parse(key.expires or "9999-01-01")
    except ValueError:
        return f"expires `{key.expires}`, which is no RFC 3339 date such as 2027-01-31 or 2027-01-31T12:00:00Z"
    return None
