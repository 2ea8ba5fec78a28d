# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LiteLLM as a hop: its environment, its settings, and what gets lost in it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._behaviours import SITE, Answer, asked
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._checks._answers import engines_that, follows, thinks
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

# Uploaded by a thief in March 2026: they send keys and files of the host away.
STOLEN = ("1.82.7", "1.82.8")
_NEW_PYTHON = (3, 14)
# The first release without what Python 3.14 took away.
_UVLOOP = (0, 22)


@check("L12", "LiteLLM on a Python that it does not run on", ("error",), ["venvs"])
def litellm_python(facts: Facts) -> t.Iterator[Outcome]:
    for venv in facts["venvs"]:
        installed = venv["distributions"]
        if "litellm" not in installed or _numbers(venv["version"])[:2] < _NEW_PYTHON:
            continue
        old_loop = "uvloop" in installed and _numbers(installed["uvloop"]) < _UVLOOP
        if old_loop or "orjson" not in installed:
            lacks = f"uvloop {installed['uvloop']}" if old_loop else "no orjson"
            again = f"uv pip install --python {venv['path']}/bin/python 'litellm[proxy]=={installed['litellm']}'"
            yield Seen(
                "error",
                f"{venv['path']} ({venv['origin']}): LiteLLM {installed['litellm']} on Python {venv['version']} with {lacks}",
                "uvloop before 0.22 uses what Python 3.14 removed, and older orjson has no wheel for it",
                SITE if venv["origin"] == "ours" else f"uv venv --clear --python 3.12 {venv['path']} && {again}",
            )
    yield from map(Unseen, facts.gaps.get("venvs", ()))


@check(
    "L66",
    "LiteLLM as a hop is open, drops what it does not know, or is not what it seems",
    ("warning", "error"),
    ["venvs", "litellm", "endpoints", "behaviour"],
)
def litellm_hop(facts: Facts) -> t.Iterator[Outcome]:
    for venv in facts["venvs"]:
        version = venv["distributions"].get("litellm")
        if version in STOLEN:
            yield Seen(
                "error",
                f"{venv['path']} ({venv['origin']}) holds LiteLLM {version}",
                "that release was put on the index by a thief: it reads keys, tokens and files of the host and sends them away",
                f"rm -rf {venv['path']}{'; ' + SITE if venv['origin'] == 'ours' else ''}"
                "   # then change every key that this host held; install other releases pinned by hash",
                "A malicious release of LiteLLM",
            )
    yield from map(Unseen, (*facts.gaps.get("venvs", ()), *facts.gaps.get("litellm", ())))
    for one in facts["litellm"]:
        for line in one["drop_params"]:
            yield Seen(
                "warning",
                f"{one['path']}, line {line}: drop_params is on" if line else "LiteLLM runs with --drop_params",
                "what LiteLLM does not know of a request is left out without a word: chat_template_kwargs, structured_outputs, top_k",
                _settings_fix(one),
            )
        for dead in one["dead"]:
            yield Seen(
                "error",
                f"{one['path']}, line {dead['line']}: api_base is {dead['url']}, where nothing listens",
                "an alias leads to an engine that moved or is down",
                SITE if one["ours"] else f"sudoedit {one['path']}; ss -ltn",
            )
    if any(one["kind"] == "litellm" for one in facts["endpoints"]):
        yield from _hop(facts)


def _settings_fix(one: t.Mapping[str, t.Any]) -> str:
    if one["ours"]:
        return f'{SITE} -e \'{{"litellm_settings": {{"drop_params": false}}}}\''
    return (
        f"sudoedit {one['path']}   # drop_params: false, and allowed_openai_params where clients need one" if one["path"] else "start it without --drop_params"
    )


_HANDED_ON: tuple[tuple[str, str, t.Callable[[Answer], bool]], ...] = (
    ("chat_template_kwargs", "thinking_off", lambda answer: not thinks(answer)),
    ("response_format", "schema", follows),
)


def _hop(facts: Facts) -> t.Iterator[Outcome]:
    for one in asked(facts):
        if isinstance(one, Unseen):
            yield one
            continue
        if one.kind != "litellm":
            continue
        if one.ok("without_key"):
            yield Seen(
                "warning",
                f"{one.url}: LiteLLM answers without a key",
                "without a master key there are no keys and no budgets, which is what the hop is for",
                "sudoedit LITELLM_CONFIG   # general_settings: master_key: os.environ/LITELLM_MASTER_KEY",
            )
        lost = []
        for what, name, right in _HANDED_ON:
            answer = one.ok(name)
            if answer is not None and not right(answer) and engines_that(facts, name, right):
                lost.append(what)
        if lost:
            yield Seen(
                "warning",
                f"{one.url}: {' and '.join(lost)} work at the engine and not through LiteLLM",
                "the hop drops them",
                "sudoedit LITELLM_CONFIG   # drop_params: false; or send clients to the proxy on port 4000, without the hop",
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
