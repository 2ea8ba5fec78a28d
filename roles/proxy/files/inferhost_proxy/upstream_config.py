# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the configuration that says which model servers there are, how long they may take, and under which names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from .config_types import Label, Positive, Seconds, Text


class Upstream(Struct, frozen=True, forbid_unknown_fields=True):
    name: Label
    """In metrics, in the log and in /readyz."""
    url: Text
    key_file: Text | None = None
    models: list[Text] | None = None
    """What is asked of it; without this, what its /v1/models lists."""

    @property
    def base(self) -> str:
        """The address before the path. A trailing /v1 is accepted, because clients are configured with one."""
        return self.url.rstrip("/").removesuffix("/v1").rstrip("/")


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    connect_seconds: Seconds = 5.0
    answer_seconds: Seconds = 1800.0
    """Until the first byte of the answer: a whole answer is silent until it is complete."""
    idle_seconds: Seconds = 300.0
    """Silence within an answer."""
    total_seconds: Annotated[float, Meta(ge=0)] = 0.0
    """From the complete request to the end of the answer; 0 is no limit."""
    client_seconds: Seconds = 300.0
    """A client that takes nothing of its answer."""


class Health(Struct, frozen=True, forbid_unknown_fields=True):
    active: bool = False
    """Checks also where there is only one upstream. Several are always checked."""
    interval_seconds: Seconds = 5.0


class Sampling(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an alias fills in where the client said nothing."""

    temperature: Annotated[float, Meta(ge=0)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    top_k: int | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: Annotated[float, Meta(gt=0)] | None = None
    max_tokens: Positive | None = None
    reasoning_effort: Text | None = None


class Alias(Struct, frozen=True, forbid_unknown_fields=True):
    model: Text
    """The name that the model server knows."""
    thinking: bool | None = None
    chat_template_kwargs: dict[str, Any] = {}
    defaults: Sampling = Sampling()


TYPES: dict[str, type[Struct]] = {
    "$.upstreams[]": Upstream,
    "$.timeouts": Timeouts,
    "$.health": Health,
    "$.aliases[...]": Alias,
    "$.aliases[...].defaults": Sampling,
}


def problem(upstreams: Sequence[Upstream], aliases: Mapping[str, Alias], host: str, port: int) -> str | None:
    """What the types alone cannot say."""
    names = [upstream.name for upstream in upstreams]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"`upstreams`: the name `{twice}` is there twice; each needs its own"
    found = (_address_problem(index, upstream, host, port) for index, upstream in enumerate(upstreams))
    return next((text for text in found if text is not None), None) or _alias_problem(aliases)


def _address_problem(index: int, upstream: Upstream, host: str, port: int) -> str | None:
    place = f"`upstreams[{index}].url`"
    try:
        url = urlsplit(upstream.url)
        upstream_port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError as exc:
        return f"{place}: {exc}"
    if url.scheme not in ("http", "https") or not url.hostname:
        return f"{place} must be http://HOST:PORT or https://HOST:PORT"
    if url.username is not None or url.query or url.fragment:
        return f"{place} takes no user, password, query or fragment; the key belongs into `key_file`"
    local = {"127.0.0.1", "localhost", "::1"}
    same_host = url.hostname == host or (url.hostname in local and host in local | {"0.0.0.0", "::"})
    if same_host and upstream_port == port:
        return f"{place} is the gateway's own address, port {port}; give the model server's"
    return None


def _alias_problem(aliases: Mapping[str, Alias]) -> str | None:
    for name, alias in aliases.items():
        if not name:
            return "`aliases`: a name is empty"
        if "*" in name[:-1]:
            return f"`aliases`: `{name}` - a `*` is allowed at the end only"
        target = aliases.get(alias.model)
        if target is not None and target.model != alias.model:
            return f"`aliases.{name}.model`: `{alias.model}` is an alias itself; give the name that the model server knows"
    return None
