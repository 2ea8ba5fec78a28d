# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LiteLLM beside the proxy: brought by one variable, with the engine behind it, and gone again without a trace."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from endpoint import API_KEY, PROXY, READ_FILE, ROOT, ask
from inside import Inside
from playbook_runs import Outcome, Playbooks
from testinfra.host import Host

LITELLM = "http://127.0.0.1:4001"
KEY = f"{ROOT}/etc/secrets/litellm_key"
NAME = "inferhost-litellm"
PROVIDER_KEY = "sk-provider-5f0c2b7d9a"
TAGS = "litellm,proxy"
WANTED = {
    "litellm_enabled": True,
    "litellm_keys": {"ELSEWHERE_API_KEY": PROVIDER_KEY},
    "litellm_models": [
        {"model_name": "elsewhere", "litellm_params": {"model": "openai/large", "api_key": "os.environ/ELSEWHERE_API_KEY"}},
        {
            "model_name": "round-about",
            "litellm_params": {
                "model": "hosted_vllm/inferhost-tiny",
                "api_base": "http://127.0.0.1:8000/v1",
                "api_key": "os.environ/INFERHOST_ENGINE_KEY",
            },
        },
    ],
}


@pytest.fixture(scope="module")
def brought(playbooks: Playbooks, host: Host) -> Iterator[Outcome]:
    yield playbooks.run("site", "--tags", TAGS, "-vvv", "--diff", variables=WANTED)
    if host.file(f"{ROOT}/venvs/litellm").exists:
        playbooks.run("site", "--tags", TAGS)


def test_it_runs_in_an_environment_of_its_own(brought: Outcome, host: Host) -> None:
    assert brought.status == 0, brought.output[-3000:]
    pid = host.check_output(f"systemctl show --property MainPID --value {NAME}")
    assert host.file(f"/proc/{pid}/cmdline").content_string.split("\0")[1] == f"{ROOT}/venvs/litellm/bin/litellm"
    assert host.run(f"{ROOT}/venvs/vllm/bin/python -c 'import litellm'").rc != 0


def test_a_second_run_changes_nothing(brought: Outcome, playbooks: Playbooks) -> None:
    again = playbooks.run("site", "--tags", TAGS, variables=WANTED)
    assert again.status == 0 and again.changed == 0, again.changed_tasks


@pytest.mark.parametrize(("base", "key", "model"), [(LITELLM, KEY, "inferhost-tiny"), (PROXY, API_KEY, "round-about")])
def test_the_engines_tool_calls_come_through_it(brought: Outcome, inside: Inside, base: str, key: str, model: str) -> None:
    """Asked directly, and through the proxy, which has it as one more upstream."""
    status, models = ask(inside, "/v1/models", base=base, key=key)
    assert status == 200, models
    assert {"inferhost-tiny", "elsewhere", "round-about"} <= {each["id"] for each in models["data"]}
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Read the file /srv/molecule/notes-4402.txt"}],
        "tools": [READ_FILE],
        "tool_choice": "auto",
        "temperature": 0,
        "max_tokens": 256,
    }
    status, answer = ask(inside, "/v1/chat/completions", body, base=base, key=key)
    assert status == 200, answer
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"path": "/srv/molecule/notes-4402.txt"}


def test_it_is_closed_sandboxed_and_keeps_its_keys(brought: Outcome, host: Host) -> None:
    listeners = host.check_output("ss --listening --tcp --numeric --no-header").splitlines()
    assert [line.split()[3] for line in listeners if line.split()[3].endswith(":4001")] == ["127.0.0.1:4001"]
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", host.check_output(f"systemd-analyze security --no-pager {NAME}"))
    assert exposure is not None
    assert float(exposure.group(1)) <= 3.0
    for place in (brought.output, host.file(f"{ROOT}/etc/litellm.yaml").content_string, host.check_output("ps -e -o args=")):
        assert PROVIDER_KEY not in place
    assert host.file(f"{ROOT}/etc/secrets/litellm_key_ELSEWHERE_API_KEY").mode == 0o600


def test_without_the_variable_it_goes(brought: Outcome, playbooks: Playbooks, host: Host) -> None:
    outcome = playbooks.run("site", "--tags", TAGS)
    assert outcome.status == 0, outcome.output[-3000:]
    assert host.check_output(f"systemctl list-units --all --plain --no-legend '{NAME}*'") == ""
    assert host.check_output(f"find {ROOT} /etc/systemd -name '*litellm*' -not -path '*/site-packages/*'") == ""
    again = playbooks.run("site", "--tags", TAGS)
    assert again.status == 0 and again.changed == 0, again.changed_tasks


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"litellm_enable": True}, "litellm_enabled"),
        ({"litellm_enabled": True, "litellm_keys": {"LITELLM_MASTER_KEY": "x"}}, "LITELLM_MASTER_KEY"),
        ({"litellm_enabled": True, "litellm_models": [{"model_name": "m", "litellm_params": {"model": "m", "api_key": "sk-written-out"}}]}, "litellm_keys"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(playbooks: Playbooks, variables: dict[str, object], said: str) -> None:
    outcome = playbooks.run("site", "--tags", TAGS, variables=variables)
    assert outcome.status != 0
    assert said in outcome.output
    assert outcome.changed == 0, outcome.changed_tasks
    assert "sk-written-out" not in outcome.output
