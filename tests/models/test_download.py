# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What arrives, what is not fetched twice, and what is mended."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

from model_kit import BLOCK, ENVIRONMENT, SHARD, begin, command, content, download, end, published, shard

from ansible_collections.inferhost.llm.tests.unit.plugins.model_hub import TOKEN, ModelHub, a_model

MakeHub = Callable[..., ModelHub]


def test_a_model_arrives_whole_and_a_second_run_asks_nobody(hub: ModelHub, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    first = download(hub, folder)
    assert (first["changed"], first["complete"], first["commit"]) == (True, True, hub.commit)
    assert sorted(first["fetched"]) == sorted(published(hub))
    assert content(folder) == published(hub)
    assert {one.stat().st_mode & 0o777 for one in folder.rglob("*") if one.is_file() and one.name != "lock"} == {0o644}
    assert sorted(one.name for one in (folder / ".inferhost").iterdir()) == ["lock", "manifest.json"]
    hub.forget()
    for check in (False, True):
        again = download(hub, folder, check)
        assert (again["changed"], again["fetched"], again["checked"], again["digest"]) == (False, [], [], first["digest"])
    assert hub.seen == []


def test_the_token_goes_to_the_hub_and_to_nobody_else(make_hub: MakeHub, tmp_path: Path) -> None:
    hub = make_hub(a_model(2, SHARD), gated=True)
    hub.faults.slow[shard(1, 2)] = 0.02
    process = begin(hub, tmp_path / "m", token=TOKEN)
    lines: set[str] = set()
    while process.poll() is None:
        for pid in (entry for entry in os.listdir("/proc") if entry.isdigit()):
            try:
                text = Path("/proc", pid, "cmdline").read_bytes() + Path("/proc", pid, "environ").read_bytes()
            except OSError:
                continue
            lines |= {text.decode("utf-8", "replace")} if b"model_fetch.py" in text else set()
        time.sleep(0.05)
    said = end(process)
    assert said["complete"]
    assert lines and not any(TOKEN in text for text in lines) and TOKEN not in str(said)
    assert {one.headers.get("authorization") for one in hub.requests("hub")} == {"Bearer " + TOKEN}
    assert {one.headers.get("authorization") for one in hub.requests("cdn")} == {None}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_L23_cut_at_shard_27_of_40_a_second_run_goes_on_where_it_stopped(make_hub: MakeHub, tmp_path: Path) -> None:
    hub = make_hub(a_model(40, 8192))
    broken = shard(27)
    hub.faults.status["cdn:" + broken] = [503] * 60
    first = download(hub, tmp_path / "m", tries=1, workers=1)
    assert first["failed"] and first["kind"] == "server_error"
    assert "stay there" in first["msg"] and "nothing that arrived is fetched twice" in first["msg"]
    there = set(content(tmp_path / "m"))
    assert shard(26) in there and broken not in there
    hub.faults.status.clear()
    hub.forget()
    second = download(hub, tmp_path / "m")
    assert second["complete"] and content(tmp_path / "m") == published(hub)
    assert set(second["fetched"]) == set(published(hub)) - there
    assert all(hub.sent(name) == 0 for name in there if hub.is_large(name))


def test_L23_a_killed_download_goes_on_within_a_file(hub: ModelHub, tmp_path: Path) -> None:
    """SIGKILL for the module: what it started ends too, and what arrived is not fetched again."""
    slow = shard(2, 4)
    hub.faults.slow[slow] = 0.05
    process = begin(hub, tmp_path / "m")
    deadline = time.monotonic() + 60
    while hub.sent(slow) < SHARD // 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while fetchers(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not fetchers(tmp_path)
    arrived = sum(path.stat().st_size for path in (tmp_path / "m" / ".inferhost" / "partial").iterdir() if path.stat().st_size < SHARD)
    assert 0 < arrived < SHARD
    hub.faults.slow.clear()
    hub.forget()
    second = download(hub, tmp_path / "m")
    assert second["complete"] and slow in second["fetched"]
    assert content(tmp_path / "m") == published(hub)
    assert hub.sent(slow) == SHARD - arrived
    assert not (tmp_path / "m" / ".inferhost" / "partial").exists()


def fetchers(folder: Path) -> list[str]:
    """Running programs that fetch into a folder."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if (
                entry.isdigit()
                and str(folder).encode() in Path("/proc", entry, "environ").read_bytes()
                and b"model_fetch" in Path("/proc", entry, "cmdline").read_bytes()
            ):
                found.append(entry)
        except OSError:
            continue
    return found


def test_a_connection_that_breaks_now_and_then_is_no_failure(hub: ModelHub, tmp_path: Path) -> None:
    hub.faults.cut[shard(3, 4)] = [200_000, 150_000]
    hub.faults.status["cdn:" + shard(1, 4)] = [503, 429]
    found = download(hub, tmp_path / "m")
    assert found["complete"] and content(tmp_path / "m") == published(hub)
    assert SHARD <= hub.sent(shard(3, 4)) < SHARD + 2 * BLOCK


def test_too_many_requests_are_waited_for_and_then_said(hub: ModelHub, tmp_path: Path) -> None:
    hub.faults.status["list"] = [429] * 3
    found = download(hub, tmp_path / "m")
    assert found["failed"] and found["kind"] == "rate_limited" and "429" in found["msg"] and len(hub.seen) == 3


def test_wrong_bytes_are_fetched_again_once(hub: ModelHub, tmp_path: Path) -> None:
    hub.faults.wrong[shard(2, 4)] = 1
    found = download(hub, tmp_path / "m")
    assert found["complete"] and found["replaced"] == [shard(2, 4)] and content(tmp_path / "m") == published(hub)


def test_bytes_that_stay_wrong_are_an_error_that_names_the_file(hub: ModelHub, tmp_path: Path) -> None:
    hub.faults.wrong[shard(2, 4)] = 5
    found = download(hub, tmp_path / "m")
    assert found["failed"] and found["kind"] == "mismatch" and shard(2, 4) in found["msg"]
    assert shard(2, 4) not in content(tmp_path / "m")


def test_L23_damaged_files_are_mended_and_the_others_are_left_alone(hub: ModelHub, tmp_path: Path) -> None:
    """One deleted, one cut short, one overwritten, one only touched."""
    download(hub, tmp_path / "m")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "m").iterdir()}
    (tmp_path / "m" / shard(1, 4)).unlink()
    os.truncate(tmp_path / "m" / shard(2, 4), 1000)
    (tmp_path / "m" / shard(3, 4)).write_bytes(bytes(SHARD))
    os.utime(tmp_path / "m" / shard(4, 4))
    hub.forget()
    foreseen = download(hub, tmp_path / "m", check=True)
    assert foreseen["changed"] and foreseen["checked"] == [shard(3, 4), shard(4, 4)] and hub.seen == []
    found = download(hub, tmp_path / "m")
    assert found["complete"] and content(tmp_path / "m") == published(hub)
    assert sorted(found["fetched"]) == [shard(number, 4) for number in (1, 2, 3)]
    assert {name: (tmp_path / "m" / name).stat().st_mtime_ns for name in before if name.endswith(".json")} == {
        name: changed for name, changed in before.items() if name.endswith(".json")
    }
    assert not download(hub, tmp_path / "m")["changed"]


def test_damage_that_keeps_size_and_time_is_found_on_wish(hub: ModelHub, tmp_path: Path) -> None:
    download(hub, tmp_path / "m")
    victim = tmp_path / "m" / shard(2, 4)
    before = victim.stat()
    victim.write_bytes(bytes(SHARD))
    os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not download(hub, tmp_path / "m")["changed"]
    found = download(hub, tmp_path / "m", verify="all")
    assert found["fetched"] == found["replaced"] == [shard(2, 4)] and content(tmp_path / "m") == published(hub)
    healthy = download(hub, tmp_path / "m", verify="all")
    assert (healthy["changed"], sorted(healthy["checked"])) == (False, sorted(published(hub)))


def test_L23_what_hf_download_left_is_taken_over_and_cleaned(hub: ModelHub, tmp_path: Path) -> None:
    """Two whole shards, and parts and locks of the rest, as `hf download --local-dir` leaves them when it dies."""
    folder = tmp_path / "m"
    junk = folder / ".cache" / "huggingface" / "download" / "x.aaaa.1234.incomplete"
    junk.parent.mkdir(parents=True)
    junk.write_bytes(b"half a shard")
    junk.with_suffix(".lock").touch()
    other = folder / ".inferhost" / "partial" / "0123.part"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"of a content that nobody wants any more")
    for number in (1, 2):
        (folder / shard(number, 4)).write_bytes(hub.files[shard(number, 4)])
    (folder / "notes.txt").write_text("mine", encoding="ascii")
    found = download(hub, folder)
    assert found["complete"] and sorted(found["checked"]) == [shard(1, 4), shard(2, 4)]
    assert hub.sent(shard(1, 4)) == hub.sent(shard(2, 4)) == 0
    assert len([name for name in found["removed"] if name.endswith((".incomplete", ".part"))]) == 2 and not (folder / ".cache").exists()
    held = folder / ".cache" / "huggingface" / "download" / "y.lock"
    held.parent.mkdir(parents=True)
    with held.open("w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert download(hub, folder)["kind"] == "busy"
    held.unlink()
    # What was there before is not ours to remove.
    gone = download(hub, folder, state="absent")
    assert gone["changed"] and sorted(content(folder)) == [shard(1, 4), shard(2, 4), "notes.txt"]


def test_absent_removes_what_was_fetched(hub: ModelHub, tmp_path: Path) -> None:
    download(hub, tmp_path / "m")
    foreseen = download(hub, tmp_path / "m", check=True, state="absent")
    assert foreseen["changed"] and content(tmp_path / "m") == published(hub)
    found = download(hub, tmp_path / "m", state="absent")
    assert found["removed"] == foreseen["removed"] and not (tmp_path / "m").exists()
    assert not download(hub, tmp_path / "m", state="absent")["changed"]


def test_a_branch_stays_where_it_was_until_it_is_refreshed(hub: ModelHub, tmp_path: Path) -> None:
    first = download(hub, tmp_path / "m")
    old = hub.commit
    hub.files[shard(2, 4)] = hub.files[shard(3, 4)][:-4] + b"next"
    hub.files["extra.json"] = b"{}"
    del hub.files["README.md"]
    assert hub.commit != old and not download(hub, tmp_path / "m")["changed"]
    hub.forget()
    found = download(hub, tmp_path / "m", refresh=True)
    assert (found["commit"], sorted(found["fetched"])) == (hub.commit, ["extra.json", shard(2, 4)])
    assert found["removed"] == ["README.md"] and found["digest"] != first["digest"]
    assert content(tmp_path / "m") == published(hub)
    # By its commit, nobody is asked either.
    hub.forget()
    assert not download(hub, tmp_path / "m", revision=hub.commit)["changed"] and hub.seen == []


def test_gated_is_said_by_the_download_too(make_hub: MakeHub, tmp_path: Path) -> None:
    """A mirror may list what it does not give."""
    hub = make_hub(a_model(2, SHARD), gated=True)
    for token, status in ((None, "401"), (TOKEN, "403")):
        hub.accepted = False
        found = download(hub, tmp_path / "m", token=token)
        assert found["failed"] and found["kind"] == "gated" and status in found["msg"] and hub.url + "/acme/agent-7b" in found["msg"]


def test_modelscope_gives_the_same_files(hub: ModelHub, tmp_path: Path) -> None:
    hub.faults.cut[shard(2, 4)] = [200_000]
    found = download(hub, tmp_path / "m", source="modelscope")
    assert found["complete"] and content(tmp_path / "m") == published(hub)
    hub.forget()
    # From another hub with the same hashes nothing has to come.
    other = download(hub, tmp_path / "m", source="huggingface")
    assert (other["fetched"], hub.requests("cdn")) == ([], [])


def test_a_folder_that_was_carried_is_checked_by_what_it_brought(hub: ModelHub, tmp_path: Path) -> None:
    download(hub, tmp_path / "m")
    carried = tmp_path / "usb"
    shutil.copytree(tmp_path / "m", carried)
    given = {"ANSIBLE_MODULE_ARGS": {"path": str(carried), "record": str(tmp_path / "record.json")}}

    def check() -> dict[str, t.Any]:
        return dict(
            json.loads(subprocess.run(command("model_folder"), input=json.dumps(given), capture_output=True, text=True, check=False, env=ENVIRONMENT).stdout)
        )

    found = check()
    assert (found["verified_by"], sorted(found["checked"])) == ("manifest", sorted(published(hub)))
    assert check()["checked"] == []
    (carried / shard(2, 4)).write_bytes(bytes(SHARD))
    assert check()["failed"]


def test_two_downloads_into_one_folder_do_not_meet(hub: ModelHub, tmp_path: Path) -> None:
    hub.faults.slow[shard(2, 4)] = 0.05
    first = begin(hub, tmp_path / "m")
    deadline = time.monotonic() + 60
    while not hub.sent(shard(2, 4)) and time.monotonic() < deadline:
        time.sleep(0.05)
    second = download(hub, tmp_path / "m")
    assert second["failed"] and second["kind"] == "busy"
    assert end(first)["complete"]


def test_progress_is_told(hub: ModelHub, tmp_path: Path) -> None:
    hub.faults.slow[shard(2, 4)] = 0.04
    told = tmp_path / "progress.json"
    process = begin(hub, tmp_path / "m", progress_file=str(told))
    seen = []
    while process.poll() is None:
        try:
            seen.append(json.loads(told.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            time.sleep(0.02)
    assert seen and seen[0]["what"] == "fetching acme/agent-7b" and seen[0]["unit"] == "MB"
    assert end(process)["complete"]
    assert 0 < seen[-1]["done"] <= seen[-1]["total"] and not told.exists()
