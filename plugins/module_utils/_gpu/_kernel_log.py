# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel said about NVIDIA's cards since it started: refusals, failures and Xids.

Wordings: osapi.c, osinit.c, nv.c and nv-pci.c of NVIDIA's open kernel modules, and kernel/module of Linux for the signature lines.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

JOURNAL = ("journalctl", "--dmesg", "--boot", "--no-pager", "--output", "short-monotonic")
RING_BUFFER = "/dev/kmsg"
# The kernel refuses a buffer that a record does not fit in; it writes none longer than this.
LONGEST_RECORD = 8192

# A card in a message, `0000:01:00.0` or, as Xids have it, `PCI:0000:01:00`.
ADDRESS = r"(?:PCI:)?(?P<address>[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?)"
CARD = r"The NVIDIA v?GPU " + ADDRESS + r" \(PCI ID: (?P<pci_id>[0-9a-fA-F]{4}:[0-9a-fA-F]{4})\) installed in this "

VERSION = r"\d+(?:\.\d+)+"

# Kind and wording. The groups `address` and `pci_id` name the card, those named code… the numbers and versions in the message; the first row that fits counts.
KINDS: t.Tuple[t.Tuple[str, re.Pattern[str]], ...] = (
    ("open_module_required", re.compile(CARD + r"system requires use of the NVIDIA open kernel modules")),
    ("open_module_impossible", re.compile(CARD + r"(?:vGPU host )?system is not supported by open nvidia\.ko")),
    ("card_not_supported", re.compile(CARD + r"system is not supported by the (?:NVIDIA )?(?P<code>" + VERSION + ")")),
    ("card_legacy", re.compile(r"NVIDIA .*GPU installed in this system is supported through the NVIDIA (?P<code>\d+)\.xx Legacy drivers")),
    ("off_the_bus", re.compile(CARD + r"system has fallen off the bus")),
    ("xid", re.compile(r"NVRM: Xid \(" + ADDRESS + r"\): (?P<code>\d+)")),
    ("off_the_bus", re.compile(r"NVRM: GPU " + ADDRESS + r": GPU has fallen off the bus")),
    (
        "initialisation_failed",
        re.compile(r"NVRM: (?:GPU " + ADDRESS + r": )?RmInitAdapter failed! \((?P<code>0x[0-9a-fA-F]+):(?P<code2>0x[0-9a-fA-F]+):(?P<code3>\d+)\)"),
    ),
    ("gsp_stale", re.compile(r"NVRM: .*WPR2 already up")),
    ("gsp_boot_failed", re.compile(r"NVRM: .*(?:GFW_BOOT: \(progress (?P<code>0x[0-9a-fA-F]+)|failed to wait for GFW boot complete)")),
    ("gsp_boot_failed", re.compile(r"NVRM: .*Cannot initialize GSP firmware RM")),
    ("firmware_missing", re.compile(r"nvidia " + ADDRESS + r": .*(?:firmware load for|loading) (?P<code>\S*nvidia/\S+) failed with error (?P<code2>-\d+)")),
    ("firmware_missing", re.compile(r"NVRM: RmFetchGspRmImages: No firmware image found")),
    ("bar_invalid", re.compile(r"assigned to your NVIDIA device is invalid: (?P<code>BAR\d) is 0M @ \S+ \(" + ADDRESS + r"\)")),
    (
        "version_mismatch",
        re.compile(r"API mismatch: the client has the version (?P<code>" + VERSION + r"),? but this kernel module has the version (?P<code2>" + VERSION + ")"),
    ),
    ("bound_elsewhere", re.compile(r"NVRM: GPU " + ADDRESS + r" is already bound to (?P<code>[\w-]+)")),
    ("bound_elsewhere", re.compile(r"NVRM: The NVIDIA probe routine was not called for (?P<code>\d+) device")),
    (
        "no_card_initialised",
        re.compile(r"NVRM: (?:None of the NVIDIA (?:graphics adapters|devices) were initialized|No NVIDIA (?:graphics adapter|devices) (?:found|probed))"),
    ),
    ("signature_refused", re.compile(r"(?:^|\s)(?:(?P<module>[\w-]+): )?[Ll]oading of (?:unsigned module|module with \w+ \w+) is rejected")),
    ("signature_refused", re.compile(r"Lockdown: .*unsigned module loading is restricted")),
    ("unsigned_module_loaded", re.compile(r"(?P<module>nvidia[\w-]*): module verification failed")),
    ("module_loaded", re.compile(r"NVRM: loading NVIDIA .*Kernel Module.*?\s(?P<code>" + VERSION + ")")),
)

# The driver breaks some messages into lines: how such a one begins, and how its part that counts ends.
BROKEN: t.Tuple[t.Tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"NVRM: The NVIDIA v?GPU "), re.compile(r"\.$|open kernel modules|driver release")),
    (re.compile(r"NVRM: API mismatch:"), re.compile(r"this kernel module has the version \S+\.")),
    (re.compile(r"NVRM: This PCI I/O region assigned"), re.compile(r"\)$")),
)
MOST_LINES = 6

# What stands before a message: dmesg and `journalctl -o short-monotonic`; a line of syslog; a record of /dev/kmsg (microseconds).
PREFIXES = (
    re.compile(r"^\[\s*(?P<seconds>\d+\.\d+)\]\s(?:\S+ kernel: )?"),
    re.compile(r"^.*? kernel: (?:\[\s*(?P<seconds>\d+\.\d+)\]\s)?"),
    re.compile(r"^\d+,\d+,(?P<microseconds>\d+),[^;]*;"),
)
PART = "NVRM: "


def kernel_log_facts(reader: Reader) -> t.Dict[str, t.Any]:
    """Where the log came from, None when none could be read, and what it holds about the cards."""
    source, lines = _lines(reader)
    return {"source": source, "events": parse(lines)}


def parse(lines: t.Iterable[str]) -> t.List[t.Dict[str, t.Any]]:
    """One event a kind, card and set of codes, in the order they first came; a repeated one is counted."""
    events: t.Dict[t.Tuple[t.Any, ...], t.Dict[str, t.Any]] = {}
    for seconds, text in joined(messages(lines)):
        event = classify(text)
        if event is None:
            continue
        first = events.setdefault((event["kind"], event["pci_address"], tuple(event["codes"])), dict(event, count=0, first_s=seconds, last_s=seconds))
        first["count"] += 1
        first["last_s"] = seconds
    return list(events.values())


def classify(text: str) -> t.Optional[t.Dict[str, t.Any]]:
    """Kind, card and codes of one message, None when it says nothing about a card. A signature line that names another module does not."""
    for kind, pattern in KINDS:
        match = pattern.search(text)
        if match is None:
            continue
        groups = match.groupdict()
        module = groups.get("module")
        if module is not None and not module.startswith("nvidia"):
            return None
        return {
            "kind": kind,
            "pci_address": card_address(groups.get("address")),
            "pci_id": (groups.get("pci_id") or "").lower() or None,
            "codes": [groups[name] for name in ("code", "code2", "code3") if groups.get(name)],
            "xid": int(groups["code"]) if kind == "xid" else None,
            "text": text,
        }
    return None


def card_address(found: t.Optional[str]) -> t.Optional[str]:
    """As sysfs writes it: an Xid leaves the function away, which is 0 for a GPU."""
    if found is None:
        return None
    return (found if "." in found else found + ".0").lower()


def messages(lines: t.Iterable[str]) -> t.Iterator[t.Tuple[t.Optional[float], str]]:
    """Seconds since the start of the kernel and the message; a line without a time belongs to the one before."""
    seconds: t.Optional[float] = None
    for line in lines:
        # /dev/kmsg writes a line break inside of a message so.
        for part in line.replace("\\x0a", "\n").splitlines():
            match = next((found for found in (prefix.match(part) for prefix in PREFIXES) if found), None)
            if match is not None:
                groups = match.groupdict()
                if groups.get("seconds"):
                    seconds = float(groups["seconds"])
                elif groups.get("microseconds"):
                    seconds = int(groups["microseconds"]) / 1e6
            yield seconds, part[match.end() if match else 0 :].strip()


def joined(parts: t.Iterable[t.Tuple[t.Optional[float], str]]) -> t.Iterator[t.Tuple[t.Optional[float], str]]:
    """The same with broken messages put together."""
    begun: t.Optional[float] = None
    pending: t.List[str] = []
    end: t.Optional[re.Pattern[str]] = None
    for seconds, text in parts:
        opening = next((closing for opener, closing in BROKEN if opener.search(text)), None)
        if pending and (opening is not None or not text.startswith(PART)):
            yield begun, " ".join(pending)
            pending = []
        if pending:
            pending.append(text[len(PART) :].strip())
        elif opening is not None:
            begun, pending, end = seconds, [text], opening
        else:
            yield seconds, text
            continue
        if len(pending) >= MOST_LINES or (end is not None and end.search(" ".join(pending))):
            yield begun, " ".join(pending)
            pending = []
    if pending:
        yield begun, " ".join(pending)


def _lines(reader: Reader) -> t.Tuple[t.Optional[str], t.List[str]]:
    """The journal reaches back to the start of the kernel, its ring buffer only as far as it is large."""
    noted = len(reader.unread)
    for source, read in (("journalctl", _journal), (RING_BUFFER, ring_buffer), ("dmesg", _dmesg)):
        lines = read(reader)
        if lines:
            # A log was read, so nothing is missing.
            del reader.unread[noted:]
            return source, lines
    return None, []


def _journal(reader: Reader) -> t.List[str]:
    ended = reader.program(JOURNAL)
    if ended is None:
        return []
    if ended.how == "exit" and ended.status == 0 and " kernel: " in ended.output:
        return ended.output.splitlines()
    reader.note(JOURNAL[0], ended.detail or next(iter(ended.errors.strip().splitlines()), "no messages of the kernel in the journal"))
    return []


def _dmesg(reader: Reader) -> t.List[str]:
    return (reader.output(["dmesg"]) or "").splitlines()


def ring_buffer(reader: Reader) -> t.List[str]:
    """Records of /dev/kmsg, each by one read; it is opened so that the end of the records is an error and no wait for more."""
    records: t.List[str] = []
    try:
        handle = os.open(reader.path(RING_BUFFER), os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        reader.note(RING_BUFFER, (error.strerror or str(error)).lower())
        return records
    try:
        while True:
            try:
                record = os.read(handle, LONGEST_RECORD)
            # The oldest record was overwritten while it was read: the next read gives the one that is oldest now.
            except BrokenPipeError:
                continue
            if not record:
                break
            records.extend(record.decode("utf-8", "replace").splitlines())
    except OSError as error:
        if not isinstance(error, BlockingIOError):
            reader.note(RING_BUFFER, (error.strerror or str(error)).lower())
    finally:
        os.close(handle)
    # Lines that begin with a space are properties of the record before.
    return [line for line in records if not line.startswith(" ")]
