# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input and hosts that cannot carry the plan: one clear message, and nothing changed."""

from __future__ import annotations

import os
import pathlib
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


def test_a_taken_port_is_named_with_its_process(fresh: Demo) -> None:
    with socket.create_server(("127.0.0.1", fresh.ports["proxy"])):
        output = refused(fresh)
    assert f"Port {fresh.ports['proxy']} for the proxy is taken" in output
    assert f"process {os.getpid()}" in output
    assert "inferhost_proxy_port" in output


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [("preflight_disk_reserve", "Too little disk space"), ("preflight_memory_reserve", "Too little memory")],
)
def test_missing_space_is_refused_and_counted(fresh: Demo, variable: str, sentence: str) -> None:
    output = refused(fresh, "-e", f"{variable}={10**15}")
    assert sentence in output
    assert "GiB are missing" in " ".join(output.split())


def test_an_unknown_variable_is_refused_with_the_nearest_name(fresh: Demo) -> None:
    output = refused(fresh, "-e", "vllm_contxt=4096")
    assert "unknown variable vllm_contxt: did you mean vllm_context?" in " ".join(output.split())


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("proxy_log_level=loud", "proxy_log_level"),
        ("vllm_context=many", "vllm_context"),
        ("inferhost_vllm_port=http", "inferhost_vllm_port"),
        ("inferhost_root=/srv/inferhost/", "inferhost_root: /srv/inferhost/ - write it"),
        ('{"proxy_api_keys": ["alice", "alice.next"]}', "not end in .next"),
        ('{"litellm_settings": {"cache_params": {"password": "open-sesame"}}}', "litellm_settings.cache_params.password: written out"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_installed(fresh: Demo, setting: str, name: str) -> None:
    output = refused(fresh, "-e", setting)
    assert name in " ".join(output.split())
    assert "open-sesame" not in output


def test_an_index_out_of_reach_is_refused_before_anything_is_installed(fresh: Demo) -> None:
    output = refused(fresh, "-e", "inferhost_index_url=http://127.0.0.1:9/simple")
    assert "package index cannot be reached" in output
    assert "inferhost_find_links" in output


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
