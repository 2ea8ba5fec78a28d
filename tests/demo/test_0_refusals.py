# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input and hosts that cannot carry the plan: one clear message, and nothing changed."""

from __future__ import annotations

import json
import os
import pathlib
import re
import socket
import stat

import pytest
from demo import REPO, Demo, recap, run


def refused(demo: Demo, *extra: str) -> str:
    """The output of a run that must fail and must leave nothing behind."""
    done = demo.play(*extra)
    assert done.returncode != 0, done.stdout[-3000:]
    assert recap(done.stdout)["changed"] == 0
    assert not demo.root.exists()
    return done.stdout


def test_a_dry_run_on_a_fresh_folder_succeeds_and_leaves_nothing(fresh: Demo) -> None:
    done = fresh.play("--check", "--diff")
    assert done.returncode == 0, done.stdout[-4000:]
    assert recap(done.stdout)["failed"] == 0
    assert not fresh.root.exists()


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The message for a machine on which everything is wrong at once; preflight names all of it in one go."""
    demo = Demo.at(tmp_path_factory.mktemp("hopeless") / "root")
    wrong = {"preflight_disk_reserve": 10**15, "preflight_memory_reserve": 10**15, "inferhost_index_url": "http://127.0.0.1:9/simple"}
    with socket.create_server(("127.0.0.1", demo.ports["proxy"])):
        output = refused(demo, "-e", json.dumps(wrong))
    return " ".join(output.split())


def test_a_taken_port_is_named_with_its_process(hopeless: str) -> None:
    assert re.search(rf"Port (\d+) for the proxy is taken: 127.0.0.1:\1 is held by process {os.getpid()} ", hopeless)
    assert "inferhost_proxy_port" in hopeless


@pytest.mark.parametrize("what", ["disk space", "memory"])
def test_missing_space_is_refused_and_counted(hopeless: str, what: str) -> None:
    sentence = next(part for part in hopeless.split(" || ") if f"Too little {what}" in part)
    assert re.search(r"[\d.]+ (GiB|TiB) are missing", sentence)


def test_an_index_out_of_reach_is_refused(hopeless: str) -> None:
    assert "package index cannot be reached" in hopeless
    assert "inferhost_find_links" in hopeless


def test_an_unknown_variable_is_refused_with_the_nearest_name(fresh: Demo) -> None:
    output = refused(fresh, "-e", "vllm_contxt=4096")
    assert "unknown variable vllm_contxt: did you mean vllm_context?" in " ".join(output.split())


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("proxy_log_level=loud", "proxy_log_level"),
        ("vllm_context=many", "vllm_context"),
        ("vllm_client=opncode", "opencode"),
        ("vllm_tool_parser_plugin=parser.py", "vllm_tool_parser_plugin: parser.py - give the absolute path"),
        ('{"vllm_extra_flags": {"--dtype": "fp8"}}', "vllm_extra_flags: --dtype: fp8 is none of auto,"),
        ("vllm_chat_template=mine.jinja", "vllm_chat_template: mine.jinja - give the absolute path"),
        ("inferhost_root=/srv/inferhost/", "inferhost_root: /srv/inferhost/ - write it"),
        ('{"proxy_api_keys": ["alice", "alice.next"]}', "not end in .next"),
        ('{"litellm_settings": {"cache_params": {"password": "open-sesame"}}}', "litellm_settings.cache_params.password: written out"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_installed(fresh: Demo, setting: str, name: str) -> None:
    output = refused(fresh, "-e", setting)
    assert name in " ".join(output.split())
    assert "open-sesame" not in output


def test_a_python_that_is_too_old_is_refused_by_setup(tmp_path: pathlib.Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase "$2" in *sys.exit*) exit 1 ;; *) echo 3.8 ;; esac\n', encoding="ascii")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    clone = tmp_path / "clone"
    assert run(["git", "clone", "--quiet", str(REPO), str(clone)]).returncode == 0
    done = run(["make", "setup", f"PYTHON={old}"], cwd=clone)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout
    assert not (clone / ".venv").exists()
