# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are in one place, for root alone, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from endpoint import ROOT
from inside import Inside
from playbook_runs import Outcome
from testinfra.host import Host

FOLDER = f"{ROOT}/etc/secrets"
SECRETS = ("api_key", "engine_key")


def test_folder_and_files_are_for_root_alone(host: Host) -> None:
    folder = host.file(FOLDER)
    assert (folder.user, folder.mode) == ("root", 0o700)
    for name in SECRETS:
        secret = host.file(f"{FOLDER}/{name}")
        assert (secret.user, secret.mode) == ("root", 0o600), name
        assert secret.size >= 32, name


def test_no_secret_in_command_lines_units_journal_or_files(inside: Inside) -> None:
    result = inside("leaks", ROOT)
    assert set(SECRETS) <= set(result["secrets"])
    assert result["found"] == []


def test_no_secret_in_the_output_of_a_verbose_run(dry_run: Outcome, host: Host) -> None:
    assert "TASK [" in dry_run.output
    for name in SECRETS:
        assert host.file(f"{FOLDER}/{name}").content_string.strip() not in dry_run.output, name


def test_no_secret_in_the_output_of_the_first_runs(host: Host) -> None:
    reports = os.environ.get("INFERHOST_REPORTS")
    if not reports:
        pytest.skip("the output of the first runs is kept by molecule/run.py, which did not start this")
    output = (Path(reports) / "molecule-default.log").read_text(encoding="utf-8")
    assert "PLAY RECAP" in output
    for name in SECRETS:
        assert host.file(f"{FOLDER}/{name}").content_string.strip() not in output, name
