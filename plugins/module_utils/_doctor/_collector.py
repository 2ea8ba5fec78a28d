# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collector is, and how all of them are run: each in its time, none able to end the run."""

from __future__ import annotations

import os
import threading
import typing as t
from dataclasses import dataclass, field

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._redact import Redactor


@dataclass
class Context:
    """Where to look. `fs` stands before every absolute path, so that tests can bring a host of their own."""

    root: str = "/opt/inferhost"
    fs: str = "/"
    endpoint: str | None = None
    api_key_file: str | None = None
    probe: bool = True
    redactor: Redactor = field(default_factory=Redactor)

    def path(self, path: str) -> str:
        return os.path.join(self.fs, path.lstrip("/"))


class Unavailable(Exception):
    """The collector cannot say anything; the message says why."""


@dataclass(frozen=True)
class Collected:
    """Plain data, and what should be in it but could not be read."""

    value: t.Any
    gaps: t.Sequence[str] = ()


Function = t.Callable[[Context, Facts], Collected]


@dataclass(frozen=True)
class Collector:
    """`root` says whether more is seen as root: no, helps, required. `cost` is for people: files, requests, tokens."""

    name: str
    root: str
    cost: str
    timeout_s: float
    after: tuple[str, ...]
    maybe: tuple[str, ...]
    function: Function


def collector(name: str, root: str, cost: str, timeout_s: float, after: t.Sequence[str] = (), maybe: t.Sequence[str] = ()) -> t.Callable[[Function], Collector]:
    """Make a function a collector. It reads the facts of the collectors in `after`, and those of `maybe` where there are any."""

    def decorate(function: Function) -> Collector:
        return Collector(name, root, cost, timeout_s, tuple(after), tuple(maybe), function)

    return decorate


def unreadable(what: str, error: OSError) -> str:
    """The sentence for a failed read; says how to see more where more could be seen."""
    reason = (error.strerror or str(error)).lower()
    hint = "; run with --become to see it" if isinstance(error, PermissionError) and os.geteuid() != 0 else ""
    return f"could not read {what}: {reason}{hint}"


def collect(context: Context, collectors: t.Mapping[str, Collector], wanted: t.Iterable[str]) -> Facts:
    """Run the wanted collectors and those they build on."""
    values: dict[str, t.Any] = {}
    missing: dict[str, str] = {}
    gaps: dict[str, t.Sequence[str]] = {}
    for one in _order(collectors, wanted):
        lacking = [name for name in one.after if name not in values]
        if lacking:
            missing[one.name] = missing[lacking[0]]
            continue
        result = _run(one, context, Facts(dict(values), dict(missing), dict(gaps)))
        if isinstance(result, str):
            missing[one.name] = result
            continue
        values[one.name] = result.value
        if result.gaps:
            gaps[one.name] = tuple(dict.fromkeys(result.gaps))
    return Facts(values, missing, gaps)


def _order(collectors: t.Mapping[str, Collector], wanted: t.Iterable[str]) -> list[Collector]:
    ordered: dict[str, Collector] = {}

    def add(name: str) -> None:
        for earlier in (*collectors[name].after, *collectors[name].maybe):
            add(earlier)
        ordered.setdefault(name, collectors[name])

    for name in sorted(set(wanted)):
        add(name)
    return list(ordered.values())


def _run(one: Collector, context: Context, facts: Facts) -> Collected | str:
    """The collector's facts, or why there are none. In a thread, because a dead network file system holds a read for ever."""
    answer: list[Collected | str] = []

    def work() -> None:
        try:
            answer.append(one.function(context, facts))
        except Unavailable as error:
            answer.append(str(error))
        except OSError as error:
            answer.append(unreadable(error.filename or one.name, error))
        # Whatever the host has in store, the other collectors go on.
        except Exception as error:  # pylint: disable=broad-except
            answer.append(f"the collector of {one.name} failed: {type(error).__name__}: {error}")

    thread = threading.Thread(target=work, name=f"collect-{one.name}", daemon=True)
    thread.start()
    thread.join(one.timeout_s)
    return answer[0] if answer else f"collecting {one.name} took longer than {one.timeout_s:g} s"
