# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of flags and variables, and what is said by them, beside the parser of an installed vLLM. No engine starts; importing vLLM takes half a minute."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from real_vllm import HERE, PYTHON, START_SECONDS

pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="INFERHOST_VLLM_PYTHON is not set"),
    pytest.mark.timeout(START_SECONDS + 60),
]

# Flag and value as a user writes them, and whether the engine takes them.
WRITTEN: list[tuple[str, Any, bool]] = [
    ("--seed", 7, True),
    ("--seed", None, False),
    ("--dtype", "bfloat16", True),
    ("--dtype", "fp8", False),
    ("--quantization", "fp8", True),
    ("--enable-prefix-caching", None, True),
    ("--no-enable-prefix-caching", None, True),
    ("--enable-prefix-caching", "yes", False),
    ("--no-headless", None, False),
    ("--swap-space", 4, False),
    ("--guided-decoding-backend", "xgrammar", False),
    ("--zzz", 1, False),
    ("--cudagraph-capture-sizes", [1, 2, 4], True),
    ("--allowed-origins", ["*"], True),
    ("--structured-outputs-config", {"backend": "xgrammar", "disable_any_whitespace": True}, True),
    ("--eplb-config", {"window_size": 10}, True),
    ("--logging-config", {"pylogging_config_file": "/x.json"}, True),
    ("--scheduling-policy", "random", False),
    ("--max-num-batched-tokens", "8K", True),
    ("--compilation-config.mode", 3, True),
]


class Compared(NamedTuple):
    """`said` is what vLLM's own parser knows; the others are the collection's modules."""

    said: dict[str, Any]
    command: Any
    flags: Any
    variables: Any
    version: Any


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    place = tmp_path_factory.mktemp("collections")
    (place / "ansible_collections/inferhost").mkdir(parents=True)
    (place / "ansible_collections/inferhost/llm").symlink_to(HERE.parents[1])
    sys.path.insert(0, str(place))
    importlib.invalidate_caches()
    utils = "ansible_collections.inferhost.llm.plugins.module_utils"
    words = importlib.import_module(f"{utils}._service_command").flag_words
    # With a model in front: without, the parser takes the value of a switch for the model.
    lines = [["m", *words({"key": flag, "value": value})] for flag, value, _taken in WRITTEN]
    # From a folder that has no vllm of its own.
    done = subprocess.run(
        [PYTHON, str(HERE / "engine/server_parser.py")],
        cwd=place,
        env={**os.environ, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"},
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    tables = [importlib.import_module(f"{utils}._plan._engine_{name}") for name in ("command", "flags", "variables", "versions")]
    yield Compared(said, *tables[:3], tables[3].parse_version(said["version"]))
    sys.path.remove(str(place))


def test_L30_the_flags_are_those_of_its_parser(compared: Compared) -> None:
    flags = compared.flags
    assert compared.command.known(flags.FLAGS, flags.FLAGS_GONE, compared.version) == set(compared.said["options"])


@pytest.mark.parametrize(("kind", "table"), [("switch", "SWITCHES"), ("plain switch", "PLAIN_SWITCHES"), ("list", "LISTS")])
def test_L30_the_kinds_are_those_of_its_parser(compared: Compared, kind: str, table: str) -> None:
    real = {name for name, option in compared.said["options"].items() if option["kind"] == kind}
    assert getattr(compared.flags, table) & set(compared.said["options"]) == real


def test_L30_the_choices_are_those_of_its_parser(compared: Compared) -> None:
    flags, options = compared.flags, compared.said["options"]
    choices = {name: sorted(values) for name, values in flags.CHOICES.items()}
    choices["kv-cache-dtype"] = sorted(name for since, names in flags.KV_CACHE_DTYPES if since <= compared.version for name in names.split())
    assert choices == {name: options[name]["choices"] for name in choices}


def test_the_abbreviations_are_those_of_its_parser(compared: Compared) -> None:
    real = compared.said["short"]
    assert all(f"--{name}" in real[short] for short, name in compared.flags.SHORT.items())


def test_the_variables_are_those_it_reads(compared: Compared) -> None:
    tables = compared.variables
    known = compared.command.known(tables.VARIABLES, tables.VARIABLES_GONE, compared.version)
    assert {f"VLLM_{name}" for name in known} == set(compared.said["variables"])


@pytest.mark.parametrize("number", range(len(WRITTEN)), ids=[f"{flag}-{value}" for flag, value, _taken in WRITTEN])
def test_L30_what_is_refused_its_parser_refuses_too(compared: Compared, number: int) -> None:
    flag, value, taken = WRITTEN[number]
    plan = {"engine": {"version": compared.said["version"]}, "flags": []}
    ours = compared.command.check(plan, {flag: value}, {}).errors
    theirs = compared.said["answers"][number]
    assert ((ours == []), (theirs is None)) == (taken, taken), (ours, theirs)


def test_what_the_role_writes_its_parser_knows(compared: Compared) -> None:
    """The flags that the role itself writes or looks for."""
    text = (Path(HERE).parents[1] / "roles/vllm/vars/main.yml").read_text(encoding="utf-8")
    written = set(re.findall(r"--[a-z][a-z-]+", text))
    assert {"--model", "--served-model-name", "--host", "--port", "--chat-template", "--tool-parser-plugin"} == written
    assert {word.removeprefix("--") for word in written} <= set(compared.said["options"])
