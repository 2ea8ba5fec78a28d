# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""New keys for the clients while the endpoint serves."""

from __future__ import annotations

import json
import os

import pytest
from demo import Demo, recap


def rotate(demo: Demo, overlap_hours: int, *options: str) -> str:
    done = demo.play("-e", f"rotate_keys_overlap_hours={overlap_hours}", *options, playbook="rotate_keys")
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def client_files(demo: Demo) -> str:
    """Everything that was generated for clients."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted((demo.root / "clients").rglob("*")) if path.is_file())


def test_a_dry_run_changes_no_key(demo: Demo) -> None:
    before = demo.key
    output = rotate(demo, 1, "--check", "--diff")
    assert recap(output)["changed"] >= 1
    assert demo.key == before
    assert before not in output
    assert demo.request("/v1/models", key=before)[0] == 200


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"rotate_keys_labels": "main, alise", "rotate_keys_engine": True}, "There is no key alise to rotate"),
        ({"rotate_keys_overlap_hour": 0}, "did you mean rotate_keys_overlap_hours?"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_before_any_key_changes(demo: Demo, wish: dict[str, object], said: str) -> None:
    secrets = sorted((demo.root / "etc/secrets").iterdir())
    before = [path.read_bytes() for path in secrets]
    done = demo.play("-e", json.dumps(wish), playbook="rotate_keys")
    assert done.returncode != 0
    assert said in " ".join(done.stdout.split())
    assert recap(done.stdout)["changed"] == 0
    assert [path.read_bytes() for path in secrets] == before


def test_the_old_key_is_valid_for_the_overlap_and_clients_get_the_new_one(demo: Demo) -> None:
    before, pid = demo.key, demo.status()["inferhost-proxy"][1]
    output = rotate(demo, 1)
    after = demo.key
    assert after != before
    assert after not in output and before not in output
    assert [demo.request("/v1/models", key=key)[0] for key in (before, after)] == [200, 200]
    assert after in client_files(demo) and before not in client_files(demo)
    assert demo.status()["inferhost-proxy"][1] == pid, "the proxy was told, and not restarted"


def test_without_an_overlap_the_old_key_ends_at_once(demo: Demo) -> None:
    before = demo.key
    rotate(demo, 0)
    assert [demo.request("/v1/models", key=key)[0] for key in (before, demo.key)] == [401, 200]
    assert (os.stat(demo.key_file).st_mode & 0o777) == 0o600
