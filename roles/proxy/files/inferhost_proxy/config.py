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

InlineSystem = Literal["fold", "hoist", "preserve"]
Port = Annotated[int, Meta(ge=1, le=65535)]
Text = Annotated[str, Meta(min_length=1)]
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
Label = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class ConfigError(Exception):
    """The configuration cannot be used; the message is one line for the operator."""


class ApiKey(Struct, frozen=True, forbid_unknown_fields=True):
    label: Label
    file: Text


class Upstream(Struct, frozen=True, forbid_unknown_fields=True):
    url: Text
    key_file: Text | None = None
    connect_seconds: Seconds = 5.0
    answer_seconds: Seconds = 1800.0
    """Until the first byte of the answer: a whole answer is silent until it is complete."""
    idle_seconds: Seconds = 300.0
    """Silence within an answer, or of a client that does not read it."""

    @property
    def base(self) -> str:
        """The address before the path. A trailing /v1 is accepted, because clients are configured with one."""
        return self.url.rstrip("/").removesuffix("/v1").rstrip("/")


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


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    api_keys: Annotated[list[ApiKey], Meta(min_length=1)]
    upstream: Upstream
    host: Text = "127.0.0.1"
    port: Port = 4000
    secrets_dir: str = ""
    limits: Limits = Limits()
    rescue: Rescue = Rescue()
    openai: OpenAI = OpenAI()
    models: list[Text] = []
    anthropic: Anthropic = Anthropic()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_seconds: Annotated[int, Meta(ge=0)] = 25
    ready_seconds: Seconds = 3.0
    """Within this the model server has to answer a readiness check."""


def load(path: Path) -> Config:
    """The configuration in a file."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror or exc}") from exc
    try:
        raw = msgspec.json.decode(data)
    except msgspec.DecodeError as exc:
        raise ConfigError(f"{path}: not valid JSON: {exc}") from exc
    try:
        return parse(raw)
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
    "$.upstream": Upstream,
    "$.limits": Limits,
    "$.anthropic": Anthropic,
    "$.rescue": Rescue,
    "$.openai": OpenAI,
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
    try:
        url = urlsplit(config.upstream.url)
        upstream_port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError as exc:
        return f"`upstream.url`: {exc}"
    if url.scheme not in ("http", "https") or not url.hostname:
        return "`upstream.url` must be http://HOST:PORT or https://HOST:PORT"
    if url.username is not None or url.query or url.fragment:
        return "`upstream.url` takes no user, password, query or fragment; the key belongs into `upstream.key_file`"
    local = {"127.0.0.1", "localhost", "::1"}
    same_host = url.hostname == config.host or (url.hostname in local and config.host in local | {"0.0.0.0", "::"})
    if same_host and upstream_port == config.port:
        return f"`upstream.url` is the gateway's own address, port {config.port}; give the model server's"
    return None
