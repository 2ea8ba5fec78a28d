# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's words about cards. The lines are constructed from the format strings of NVIDIA's open kernel modules and of Linux."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._kernel_log import KINDS, kernel_log_facts, messages, parse
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import Ended
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import FOLDER, failed, reader

# As dmesg prints them: a line that the driver breaks goes on without a time.
REFUSED_BY_CLOSED = """[    5.559842] NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2bb1)
               NVRM: installed in this system requires use of the NVIDIA open kernel modules.
[    5.559858] NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x22:0x56:884)
[    5.560313] NVRM: GPU 0000:01:00.0: rm_init_adapter failed, device minor number 0
"""
REFUSED_BY_OPEN = """[    5.1] NVRM: The NVIDIA GPU 0000:02:00.0 (PCI ID: 10de:1B80)
[    5.1] NVRM: installed in this system is not supported by open
[    5.1] NVRM: nvidia.ko because it does not include the required GPU
[    5.1] NVRM: System Processor (GSP).
[    5.1] NVRM: Please see the 'Open Linux Kernel Modules' and 'GSP
[    5.1] NVRM: Firmware' sections in the driver README, available on
"""
TOO_OLD = """[    5.1] NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2d04)
               NVRM: installed in this system is not supported by the
               NVRM: NVIDIA 550.163.01 driver release.
               NVRM: Please see 'Appendix A - Supported NVIDIA GPU Products'
"""
OFF_THE_BUS = """[    5.1] NVRM: The NVIDIA GPU 0000:41:00.0
               NVRM: (PCI ID: 10de:2684) installed in this system has
               NVRM: fallen off the bus and is not responding to commands.
"""
MISMATCH = """[ 5080.898738] NVRM: API mismatch: the client has the version 580.178.04, but
               NVRM: this kernel module has the version 580.159.03.  Please
               NVRM: make sure that this kernel module and all NVIDIA driver
               NVRM: components have the same version.
"""
NO_WINDOW = """[    5.0] NVRM: This PCI I/O region assigned to your NVIDIA device is invalid:
               NVRM: BAR1 is 0M @ 0x0 (PCI:0002:21:00.0)
"""

# Lines, then kind, card and codes of the events in them.
TEXTS: t.List[t.Tuple[str, t.List[t.Tuple[str, t.Optional[str], t.List[str]]]]] = [
    (REFUSED_BY_CLOSED, [("open_module_required", "0000:01:00.0", []), ("initialisation_failed", "0000:01:00.0", ["0x22", "0x56", "884"])]),
    (REFUSED_BY_OPEN, [("open_module_impossible", "0000:02:00.0", [])]),
    (TOO_OLD, [("card_not_supported", "0000:01:00.0", ["550.163.01"])]),
    (OFF_THE_BUS, [("off_the_bus", "0000:41:00.0", [])]),
    (MISMATCH, [("version_mismatch", None, ["580.178.04", "580.159.03"])]),
    (NO_WINDOW, [("bar_invalid", "0002:21:00.0", ["BAR1"])]),
    ("NVRM: Xid (PCI:0000:5C:00): 79, pid=1122, name=python, GPU has fallen off the bus.", [("xid", "0000:5c:00.0", ["79"])]),
    ("NVRM: GPU 0000:5c:00.0: GPU has fallen off the bus.", [("off_the_bus", "0000:5c:00.0", [])]),
    ("NVRM: RmInitAdapter failed! (0x62:0x65:2028)", [("initialisation_failed", None, ["0x62", "0x65", "2028"])]),
    ("NVRM: GPU0 RmInitAdapter: Cannot initialize GSP firmware RM", [("gsp_boot_failed", None, [])]),
    ("NVRM: GPU0 _kgspBootGspRm: unexpected WPR2 already up, cannot proceed with booting GSP", [("gsp_stale", None, [])]),
    ("NVRM: GPU0 gpuWaitForGfwBootComplete_TU102: failed to wait for GFW_BOOT: (progress 0x1)", [("gsp_boot_failed", None, ["0x1"])]),
    (
        "nvidia 0000:82:00.0: Direct firmware load for nvidia/595.71.05/gsp_ga10x.bin failed with error -2",
        [("firmware_missing", "0000:82:00.0", ["nvidia/595.71.05/gsp_ga10x.bin", "-2"])],
    ),
    ("NVRM: RmFetchGspRmImages: No firmware image found", [("firmware_missing", None, [])]),
    ("NVRM: GPU 0000:01:00.0 is already bound to nouveau.", [("bound_elsewhere", "0000:01:00.0", ["nouveau"])]),
    ("NVRM: The NVIDIA probe routine was not called for 1 device(s).", [("bound_elsewhere", None, ["1"])]),
    ("NVRM: None of the NVIDIA devices were initialized.", [("no_card_initialised", None, [])]),
    ("NVRM: No NVIDIA devices probed.", [("no_card_initialised", None, [])]),
    ("Loading of module with unavailable key is rejected", [("signature_refused", None, [])]),
    ("nvidia: loading of unsigned module is rejected", [("signature_refused", None, [])]),
    ("Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7", [("signature_refused", None, [])]),
    ("nvidia: module verification failed: signature and/or required key missing - tainting kernel", [("unsigned_module_loaded", None, [])]),
    ("NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024", [("module_loaded", None, ["550.54.14"])]),
    ("NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  610.57.04  Release Build", [("module_loaded", None, ["610.57.04"])]),
    (
        "NVRM: The NVIDIA GeForce GTX 680 GPU installed in this system is supported through the NVIDIA 470.xx Legacy drivers. Please",
        [("card_legacy", None, ["470"])],
    ),
    # Nothing about a card's health.
    ("vboxdrv: loading of module with unavailable key is rejected", []),
    ("NVRM: GPU at PCI:0000:5c:00: GPU-97363126-e553-8dd4-9ad8-56844b42694a", []),
    ("nvme nvme0: I/O queues initialized", []),
    ("usb 1-1: device descriptor read/64, error -71", []),
]


def short(events: t.List[t.Dict[str, t.Any]]) -> t.List[t.Tuple[str, t.Optional[str], t.List[str]]]:
    return [(event["kind"], event["pci_address"], event["codes"]) for event in events]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_what_a_message_means(text: str, expected: t.List[t.Tuple[str, t.Optional[str], t.List[str]]]) -> None:
    assert short(parse(text.splitlines())) == expected


def test_every_kind_is_shown_above() -> None:
    assert {kind for _text, events in TEXTS for kind, _address, _codes in events} == {kind for kind, _pattern in KINDS}


def test_all_fields_of_an_event() -> None:
    assert parse(REFUSED_BY_CLOSED.splitlines())[0] == {
        "kind": "open_module_required",
        "pci_address": "0000:01:00.0",
        "pci_id": "10de:2bb1",
        "codes": [],
        "xid": None,
        "text": "NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2bb1) installed in this system requires use of the NVIDIA open kernel modules.",
        "count": 1,
        "first_s": 5.559842,
        "last_s": 5.559842,
    }


def test_a_repeated_message_is_counted() -> None:
    lines = ["[  10.5] NVRM: Xid (PCI:0000:01:00): 13, one", "[  11.5] NVRM: Xid (PCI:0000:01:00): 13, two", "[  12.5] NVRM: Xid (PCI:0000:02:00): 13, three"]
    events = parse(lines)
    assert [(event["pci_address"], event["xid"], event["count"], event["first_s"], event["last_s"]) for event in events] == [
        ("0000:01:00.0", 13, 2, 10.5, 11.5),
        ("0000:02:00.0", 13, 1, 12.5, 12.5),
    ]


PREFIXES = [
    ("[    5.559842] NVRM: text", 5.559842),
    ("[    5.559842] host kernel: NVRM: text", 5.559842),
    ("Nov 21 11:00:00 host kernel: [    7.25] NVRM: text", 7.25),
    ("Nov 21 11:00:00 host kernel: NVRM: text", None),
    ("4,1203,5559842,-;NVRM: text", 5.559842),
    ("NVRM: text", None),
]


@pytest.mark.parametrize(("line", "seconds"), PREFIXES)
def test_what_stands_before_a_message(line: str, seconds: t.Optional[float]) -> None:
    assert list(messages([line])) == [(seconds, "NVRM: text")]


def test_a_record_of_several_lines() -> None:
    first, second = "NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2bb1)", "NVRM: installed in this system requires use of the NVIDIA open kernel modules."
    assert short(parse(["3,900,5559842,-;%s\\x0a%s" % (first, second)])) == [("open_module_required", "0000:01:00.0", [])]


def test_a_broken_message_that_never_ends_takes_nothing_with_it() -> None:
    lines = ["NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2bb1)", "usb 1-1: new device", "NVRM: Xid (PCI:0000:01:00): 31, text"]
    assert short(parse(lines)) == [("xid", "0000:01:00.0", ["31"])]
    assert parse(lines[:1]) == []


def test_two_cards_one_after_the_other() -> None:
    assert short(parse((REFUSED_BY_OPEN + TOO_OLD + OFF_THE_BUS).splitlines())) == [
        ("open_module_impossible", "0000:02:00.0", []),
        ("card_not_supported", "0000:01:00.0", ["550.163.01"]),
        ("off_the_bus", "0000:41:00.0", []),
    ]


def test_the_journal_comes_first(tmp_path: Path) -> None:
    host = reader(tmp_path, {}, {"journalctl": "[    5.5] host kernel: NVRM: Xid (PCI:0000:01:00): 79, text\n"})
    facts = kernel_log_facts(host)
    assert (facts["source"], short(facts["events"]), host.unread) == ("journalctl", [("xid", "0000:01:00.0", ["79"])], [])


def test_without_a_journal_the_ring_buffer(tmp_path: Path) -> None:
    kmsg = "6,1,100000,-;Linux version 6.12\n SUBSYSTEM=pci\n3,2,5500000,-;NVRM: Xid (PCI:0000:01:00): 79, text\n DEVICE=+pci:0000:01:00.0\n"
    host = reader(tmp_path, {"/dev/kmsg": kmsg}, {"journalctl": failed(1, "No journal files were found.")})
    facts = kernel_log_facts(host)
    assert (facts["source"], [event["first_s"] for event in facts["events"]]) == ("/dev/kmsg", [5.5])
    # The log was read: that the journal was not there leaves nothing out.
    assert host.unread == []


def test_without_both_dmesg(tmp_path: Path) -> None:
    host = reader(tmp_path, {"/dev/kmsg": FOLDER}, {"dmesg": "[    1.0] NVRM: No NVIDIA devices probed.\n", "journalctl": "-- No entries --\n"})
    facts = kernel_log_facts(host)
    assert (facts["source"], short(facts["events"])) == ("dmesg", [("no_card_initialised", None, [])])
    assert host.unread == []


def test_no_log_at_all(tmp_path: Path) -> None:
    host = reader(
        tmp_path, {}, {"dmesg": failed(1, "dmesg: read kernel buffer failed: Operation not permitted"), "journalctl": Ended("hang", 0, "", "", "no answer")}
    )
    assert kernel_log_facts(host) == {"source": None, "events": []}
    assert host.unread == [
        {"what": "journalctl", "why": "no answer"},
        {"what": "/dev/kmsg", "why": "no such file or directory"},
        {"what": "dmesg", "why": "dmesg: read kernel buffer failed: Operation not permitted"},
    ]
