# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame: registry, collectors that fail, the report and its text."""

from __future__ import annotations

import shlex
import time
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._catalogue import CHECKS, COLLECTORS
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Collector, Context, Unavailable, collect, collector
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Finding, NotChecked, Outcome, Report, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import Check, Registry, RegistryError, check, examine
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._render import WIDTH, render, summary


def make(id: str, outcomes: t.Sequence[Outcome] = (), needs: t.Sequence[str] = (), severities: t.Sequence[str] = ("info", "warning", "error")) -> Check:
    return check(id, f"Title of {id}", severities, needs)(lambda facts: outcomes)


def seen(severity: str) -> Seen:
    return Seen(severity, "what", "why", "do it")


def test_two_checks_with_one_id_are_refused() -> None:
    with pytest.raises(RegistryError, match="two checks claim L11: 'Title of L11' and 'Title of L11'"):
        Registry([make("L11"), make("L11")], ())


def test_a_need_that_no_collector_gives_is_refused() -> None:
    with pytest.raises(RegistryError, match="check L11 needs facts that no collector gives: venvz"):
        Registry([make("L11", needs=["venvz"])], ("venvs",))


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(RegistryError, match="declares severities"):
        Registry([make("L11", severities=["bad"])], ())


def test_only_and_skip() -> None:
    registry = Registry([make(id) for id in ("L13", "L11", "L37")], ())
    assert [one.id for one in registry.select()] == ["L11", "L13", "L37"]
    assert [one.id for one in registry.select(only=["L37", "L11"], skip=["L11"])] == ["L37"]


def test_an_unknown_id_names_the_nearest() -> None:
    registry = Registry([make("L11"), make("L37")], ())
    with pytest.raises(RegistryError, match="there is no check 'l1l'; did you mean L11; known are L11, L37"):
        registry.select(only=["l1l"])


def test_findings_come_worst_first_and_once() -> None:
    examined = examine([make("L11", [seen("info"), seen("info")]), make("L13", [seen("error")]), make("L10", [seen("warning")])], Facts())
    assert [(one.severity, one.id) for one in examined.findings] == [("error", "L13"), ("warning", "L10"), ("info", "L11")]
    assert examined.checked == ("L11", "L13", "L10")


def test_missing_facts_are_not_no_findings() -> None:
    facts = Facts(missing={"venvs": "could not read /opt: permission denied"})
    examined = examine([make("L11", [seen("error")], needs=["venvs"])], facts)
    assert (examined.checked, examined.findings) == ((), ())
    assert examined.not_checked == (NotChecked("L11", "Title of L11", "could not read /opt: permission denied"),)


def test_a_half_blind_check_counts_as_checked_only_with_a_finding() -> None:
    examined = examine([make("L11", [Unseen("dark"), seen("info")]), make("L13", [Unseen("dark")])], Facts())
    assert examined.checked == ("L11",)
    assert [(one.id, one.why) for one in examined.not_checked] == [("L11", "dark"), ("L13", "dark")]


def test_a_check_that_breaks_says_so_and_the_others_go_on() -> None:
    def broken(facts: Facts) -> list[Outcome]:
        raise KeyError("x")

    examined = examine([check("L11", "T", ("error",), ())(broken), make("L13", [seen("info")])], Facts())
    assert [one.why for one in examined.not_checked] == ["the check itself failed: KeyError: 'x'"]
    assert [one.id for one in examined.findings] == ["L13"]


def test_a_severity_that_was_not_declared_is_a_fault_of_the_check() -> None:
    examined = examine([make("L11", [seen("critical")])], Facts())
    assert examined.findings == ()
    assert "it says 'critical', but declares info, warning, error" in examined.not_checked[0].why


def test_the_catalogue_is_whole() -> None:
    ids = [one.id for one in CHECKS]
    assert {"L06", "L10", "L11", "L13", "L14", "L22", "L23", "L24", "L25", "L27", "L29", "L30", "L37", "L50", "L51", "L54", "L70", "L72", "L74", "L75"} <= set(
        ids
    )
    assert ids == sorted(ids)
    for one in COLLECTORS.values():
        assert set(one.after) | set(one.maybe) <= set(COLLECTORS)
        assert one.timeout_s > 0 and one.root in ("no", "helps", "required")


def fixed(name: str, answer: t.Any | Exception, after: t.Sequence[str] = (), maybe: t.Sequence[str] = (), pause: float = 0.0) -> Collector:
    def function(context: Context, facts: Facts) -> Collected:
        time.sleep(pause)
        if isinstance(answer, Exception):
            raise answer
        return Collected(answer(facts) if callable(answer) else answer)

    return collector(name, root="no", cost="files", timeout_s=0.2, after=after, maybe=maybe)(function)


def table(*collectors: Collector) -> dict[str, Collector]:
    return {one.name: one for one in collectors}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Unavailable("no engine here"), "no engine here"),
        (FileNotFoundError(2, "No such file or directory", "/x"), "could not read /x: no such file or directory"),
        (ZeroDivisionError("oops"), "the collector of a failed: ZeroDivisionError: oops"),
    ],
)
def test_a_collector_that_fails_is_a_fact_of_its_own(answer: Exception, why: str) -> None:
    facts = collect(Context(), table(fixed("a", answer), fixed("b", 1)), ["a", "b"])
    assert facts.missing == {"a": why}
    assert facts.values == {"b": 1}


def test_permission_denied_says_how_to_see_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    facts = collect(Context(), table(fixed("a", PermissionError(13, "Permission denied", "/x"))), ["a"])
    assert facts.missing == {"a": "could not read /x: permission denied; run with --become to see it"}


def test_a_collector_that_hangs_is_left_behind() -> None:
    started = time.monotonic()
    facts = collect(Context(), table(fixed("a", 1, pause=3)), ["a"])
    assert facts.missing == {"a": "collecting a took longer than 0.2 s"}
    assert time.monotonic() - started < 2


def test_collectors_build_on_each_other() -> None:
    collectors = table(fixed("b", lambda facts: facts["a"] + 1, after=["a"]), fixed("a", 1))
    assert collect(Context(), collectors, ["b"]).values == {"a": 1, "b": 2}


def test_what_builds_on_nothing_is_missing_for_the_same_reason_unless_it_can_do_without() -> None:
    collectors = table(fixed("a", Unavailable("dark")), fixed("b", 1, after=["a"]), fixed("c", 1, maybe=["a"]))
    facts = collect(Context(), collectors, ["b", "c"])
    assert facts.missing == {"a": "dark", "b": "dark"}
    assert facts.values == {"c": 1}


def report(*findings: Finding, not_checked: t.Sequence[NotChecked] = (), checked: t.Sequence[str] = ("L11", "L13")) -> Report:
    return Report("gpu1", tuple(checked), tuple(not_checked), tuple(findings), ())


LONG_FIX = (
    "/opt/venvs/vllm/bin/python -m pip install --force-reinstall "
    + " ".join(f"'package-{n}==1.{n}'" for n in range(20))
    + "   # not while it is in use, please"
)


def test_text_fits_and_shows_everything() -> None:
    finding = Finding("L11", "error", "Broken", "seen " * 60 + "x" * 300, "cause " * 40, LONG_FIX)
    lines = render(report(finding, not_checked=[NotChecked("L72", "Keys", "because " * 30)]))
    assert max(map(len, lines)) <= WIDTH
    text = "\n".join(lines)
    assert text.index("ERROR    L11  Broken") < text.index("  seen") < text.index("  cause") < text.index("  fix") < text.index("  L72  because")
    assert lines[-1] == "No finding: L13"


def test_one_reason_is_written_once() -> None:
    lines = render(report(not_checked=[NotChecked("L50", "a", "no key"), NotChecked("L70", "b", "dark"), NotChecked("L51", "c", "no key")]))
    start = lines.index("Not checked, so nothing is known about:")
    assert lines[start + 1 : start + 3] == ["  L50 L51  no key", "  L70  dark"]


def test_a_wrapped_fix_is_the_same_command_when_pasted() -> None:
    lines = render(report(Finding("L11", "error", "Broken", "seen", "cause", LONG_FIX), checked=["L11"]))
    start = next(number for number, line in enumerate(lines) if line.startswith("  fix"))
    pasted = "\n".join(lines[start:]).replace("  fix   ", "", 1)
    assert shlex.split(pasted.replace("\\\n", " "), comments=True) == shlex.split(LONG_FIX, comments=True)


def test_no_findings_is_said_apart_from_could_not_look() -> None:
    assert summary(report()) == "doctor on gpu1: no findings; 2 checked"
    findings = [Finding("L11", severity, "t", "s", "c", "f") for severity in ("error", "error", "warning", "info")]
    assert summary(report(*findings)) == "doctor on gpu1: 2 errors, 1 warning, 1 info; 2 checked"
    blind = report(checked=[], not_checked=[NotChecked("L11", "a", "dark"), NotChecked("L11", "a", "darker"), NotChecked("L13", "b", "dark")])
    assert summary(blind) == "doctor on gpu1: no findings; 0 checked, 2 could not be checked"


def test_the_document() -> None:
    finding = Finding("L11", "warning", "t", "s", "c", "f")
    assert report(finding, not_checked=[NotChecked("L72", "Keys", "dark")]).as_dict() == {
        "schema": 1,
        "host": "gpu1",
        "worst": "warning",
        "checked": ["L11", "L13"],
        "not_checked": [{"id": "L72", "title": "Keys", "why": "dark"}],
        "findings": [{"id": "L11", "severity": "warning", "title": "t", "seen": "s", "cause": "c", "fix": "f"}],
        "gaps": [],
    }
