# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host with GPUs may be expected to show, each with its check. Pure: an answer is yes, no or unknown, and unknown is never taken for yes."""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import branch_of
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._lookup import cards_with
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify import _expectations_card as card
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify import _expectations_cuda as cuda
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify import _log as log
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations_types import NO, UNKNOWN, YES, Answer, Expectation, each, judged
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Document, Inputs, events, libraries, loaded, numbers, part, why_unread
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._fixes import PLAN

GIB = 1 << 30


def model(inputs: Inputs, pattern: str) -> Answer:
    wanted = pattern.lower()

    def check(one: Document) -> Answer:
        # A plan that was made before there was a driver has the catalogue's name.
        known = [found.name for found in cards_with(one["device_id"], one.get("subsystem_device_id"))] if one.get("device_id") else []
        names = [word for name in (one["name"], *known) for word in (name.lower(), name.lower().replace("nvidia ", "", 1))]
        if one.get("matched_by") != "id" and not one.get("driver_version"):
            return Answer(UNKNOWN, "%s; neither the catalogue nor a working driver names the card" % one["name"])
        return judged(any(fnmatch.fnmatchcase(name, wanted) for name in names), one["name"])

    return each(inputs.facts, check)


def compute_capability(inputs: Inputs, wanted: str) -> Answer:
    return each(inputs.facts, lambda one: _capability(one, lambda found: found == numbers(wanted)))


def min_compute_capability(inputs: Inputs, wanted: str) -> Answer:
    return each(inputs.facts, lambda one: _capability(one, lambda found: found >= numbers(wanted)))


def _capability(one: Document, fits: t.Callable[[t.Tuple[int, ...]], bool]) -> Answer:
    found = one.get("compute_capability")
    return judged(fits(numbers(found)), found) if found else Answer(UNKNOWN, "not known")


def min_memory(inputs: Inputs, wanted: int) -> Answer:
    def check(one: Document) -> Answer:
        found = one.get("memory_bytes")
        if found is None:
            return Answer(UNKNOWN, "not known")
        return judged(found >= wanted, "%.1f GiB (%s)" % (found / GIB, one.get("memory_source")))

    return each(inputs.facts, check)


def _loaded_version(inputs: Inputs, fits: t.Callable[[str], bool]) -> Answer:
    facts = inputs.facts
    if part(facts, "driver") is None:
        return Answer(UNKNOWN, why_unread(facts, "driver"))
    on_disk = part(facts, "driver", "on_disk", "version") or "none"
    if not loaded(facts):
        return Answer(NO, "no module of the driver is loaded; on disk: %s" % on_disk)
    version = part(facts, "driver", "loaded_version")
    if not version:
        return Answer(UNKNOWN, "the loaded module does not tell its version")
    return judged(fits(version), "loaded: %s; on disk: %s" % (version, on_disk))


def min_driver_version(inputs: Inputs, wanted: str) -> Answer:
    return _loaded_version(inputs, lambda found: numbers(found) >= numbers(wanted))


def max_driver_version(inputs: Inputs, wanted: str) -> Answer:
    """A bound with fewer parts than a version means every version that begins so: 580 allows 580.159.03."""
    bound = [int(digits) for digits in wanted.split(".")]
    return _loaded_version(inputs, lambda found: numbers(found)[: len(bound)] <= tuple(bound))


def driver_branch(inputs: Inputs, wanted: str) -> Answer:
    return _loaded_version(inputs, lambda found: branch_of(found) == wanted)


def open_module(inputs: Inputs, wanted: bool) -> Answer:
    return _flavour(inputs, "open" if wanted else "closed")


def module_licence(inputs: Inputs, wanted: str) -> Answer:
    """The licence on disk has to be that of the loaded module too, which only tells its flavour."""
    found = part(inputs.facts, "driver", "on_disk", "license")
    flavour = _flavour(inputs, "closed" if wanted == "NVIDIA" else "open")
    if flavour.met != YES:
        return flavour
    if not found:
        return Answer(UNKNOWN, "%s; the module's file could not be read" % flavour.seen)
    return judged(found == wanted, "%s; licence of the file: %s" % (flavour.seen, found))


def _flavour(inputs: Inputs, wanted: str) -> Answer:
    driver = part(inputs.facts, "driver")
    if driver is None:
        return Answer(UNKNOWN, why_unread(inputs.facts, "driver"))
    on_disk = part(driver, "on_disk", "flavour") or "none"
    if not driver.get("loaded"):
        return Answer(NO, "no module of the driver is loaded; on disk: %s" % on_disk)
    found = driver.get("loaded_flavour")
    return judged(found == wanted, "loaded: %s; on disk: %s" % (found, on_disk)) if found else Answer(UNKNOWN, "the loaded module does not tell its flavour")


def same_version(inputs: Inputs, wanted: t.List[str]) -> Answer:
    """`module` is the loaded one and the one that would be loaded, `user_space` CUDA's and NVML's libraries, `fabric_manager` its package."""
    facts = inputs.facts
    if part(facts, "driver") is None:
        return Answer(UNKNOWN, why_unread(facts, "driver"))
    found: t.List[t.Tuple[str, t.Optional[str]]] = [("loaded module", part(facts, "driver", "loaded_version"))]
    if "module" in wanted:
        found.append(("module on disk", part(facts, "driver", "on_disk", "version")))
    if "user_space" in wanted:
        found += [(one["path"], one["version"]) for one in libraries(facts)] or [("libcuda and NVML", None)]
    seen = ["%s: %s" % (what, version or "none") for what, version in found]
    manager = part(facts, "fabric_manager", "matches_driver")
    if "fabric_manager" in wanted:
        seen.append("fabric manager: %s" % (part(facts, "fabric_manager", "version") or "none"))
    text = ", ".join(seen)
    if len({version for _what, version in found if version}) > 1 or ("fabric_manager" in wanted and manager is False):
        return Answer(NO, text)
    if not loaded(facts):
        return Answer(NO, "no module of the driver is loaded; " + text)
    if not all(version for _what, version in found) or ("fabric_manager" in wanted and manager is None):
        return Answer(UNKNOWN, text)
    return Answer(YES, text)


def no_new_xids(inputs: Inputs, _wanted: bool) -> Answer:
    return _log(inputs, lambda event: event["kind"] == "xid")


def no_new_refusals(inputs: Inputs, _wanted: bool) -> Answer:
    return _log(inputs, lambda event: event["kind"] != "xid")


def _log(inputs: Inputs, meant: t.Callable[[Document], bool]) -> Answer:
    if part(inputs.facts, "kernel_log", "source") is None:
        return Answer(UNKNOWN, "the kernel's log was not read: %s" % why_unread(inputs.facts, "kernel_log", "journalctl", "kmsg", "dmesg"))
    baseline = part(inputs.baseline or {}, "events")
    since = "since the kernel's start" if baseline is None else "since the baseline"
    found = [log.words(event) for event in log.new_events(events(inputs.facts), baseline) if meant(event)]
    return judged(not found, "; ".join(found) or "none %s" % since)


def secure_boot(inputs: Inputs, wanted: bool) -> Answer:
    found = part(inputs.facts, "secure_boot")
    if found is None:
        return Answer(UNKNOWN, why_unread(inputs.facts, "SecureBoot", "secure_boot"))
    return judged(found == wanted, "Secure Boot is %s" % ("on" if found else "off"))


def no_nouveau(inputs: Inputs, _wanted: bool) -> Answer:
    return each(
        inputs.facts, lambda one: judged(one.get("driver") not in ("nouveau", "nova_core", "nova-core"), "bound to %s" % (one.get("driver") or "no driver"))
    )


def fabric_manager(inputs: Inputs, _wanted: bool) -> Answer:
    """Switches of Blackwell boards are not on the bus, so what the cards say of their fabric counts too."""
    facts = inputs.facts
    manager = part(facts, "fabric_manager")
    if manager is None:
        return Answer(UNKNOWN, why_unread(facts, "services", "fabric"))
    states = [part(one, "state", "fabric", "state") for one in facts.get("gpus") or []]
    if not manager["nvswitches"] and not any(states):
        silent = [one for one in facts.get("gpus") or [] if one.get("state") is None]
        return Answer(UNKNOWN, "no NVSwitch on the bus, and the cards do not say whether they have a fabric") if silent else Answer(YES, "no NVSwitch here")
    if not manager["nvswitches"] and set(states) - {None} == {"Completed"}:
        return Answer(YES, "no NVSwitch on the bus; the cards report that their fabric is complete")
    active, version = part(manager, "unit", "active"), manager["version"]
    seen = "%d NVSwitches on the bus, fabric: %s, unit: %s, version: %s" % (
        manager["nvswitches"],
        ", ".join(sorted({state or "none" for state in states})) or "none",
        active,
        version,
    )
    if active not in (None, "active") or manager["matches_driver"] is False or (active == "active" and not manager["package"] and part(facts, "packages")):
        return Answer(NO, seen)
    return Answer(UNKNOWN if active is None or manager["matches_driver"] is None else YES, seen)


# Ask for what could not be read as an administrator, or take the expectation away.
_ROOT = "run with become: true so that root reads it"

# Name, title where it is not met, check, what to do when nothing explains it, how an unknown becomes known.
EXPECTATIONS: t.Tuple[Expectation, ...] = (
    Expectation("gpu_count", "Not as many NVIDIA GPUs as expected", card.gpu_count, "lspci -nn -d 10de:", _ROOT),
    Expectation("model", "Another GPU than expected", model, "lspci -nn -d 10de:", "install a driver that knows the card"),
    Expectation(
        "compute_capability",
        "Another compute capability than expected",
        compute_capability,
        "nvidia-smi --query-gpu=name,compute_cap --format=csv",
        "install a driver that knows the card",
    ),
    Expectation(
        "min_compute_capability",
        "The GPU's compute capability is too low",
        min_compute_capability,
        "nvidia-smi --query-gpu=name,compute_cap --format=csv",
        "install a driver that knows the card",
    ),
    Expectation(
        "min_memory_bytes",
        "The GPU has too little memory",
        min_memory,
        "nvidia-smi --query-gpu=name,memory.total --format=csv",
        "install a driver that knows the card",
    ),
    Expectation("min_driver_version", "The driver is too old", min_driver_version, PLAN, _ROOT),
    Expectation("max_driver_version", "The driver is too new", max_driver_version, PLAN, _ROOT),
    Expectation("driver_branch", "The driver is of another branch", driver_branch, PLAN, _ROOT),
    Expectation(
        "open_module", "The other flavour of the kernel module is loaded", open_module, "modinfo -F license nvidia; cat /proc/driver/nvidia/version", _ROOT
    ),
    Expectation("module_licence", "The kernel module has another licence", module_licence, "modinfo -F license nvidia; cat /proc/driver/nvidia/version", _ROOT),
    Expectation(
        "same_version",
        "The parts of the driver are of different versions",
        same_version,
        "cat /sys/module/nvidia/version; modinfo -F version nvidia; ldconfig -p | grep -E 'libcuda|libnvidia-ml'",
        "run it on the host itself, where the module's file and the libraries are, or ask for fewer parts",
    ),
    Expectation(
        "cuda_init",
        "CUDA does not start on the host",
        cuda.cuda_init,
        "sudo journalctl --dmesg --boot --no-pager | grep -E 'NVRM|nvidia|nouveau'",
        "collect the facts on the host itself, with cuda_init: true",
    ),
    Expectation(
        "cuda_major",
        "The driver's CUDA is too old",
        cuda.cuda_major,
        PLAN,
        "collect the facts on the host itself, with cuda_init: true",
    ),
    Expectation(
        "container_cuda_init",
        "CUDA does not start in a container",
        cuda.container_cuda_init,
        "docker info --format '{{json .Runtimes}}'; nvidia-ctk cdi list",
        "give the result of a container as container_cuda",
    ),
    Expectation("no_new_xids", "The kernel's log has new Xids", no_new_xids, "sudo journalctl --dmesg --boot --no-pager | grep Xid", _ROOT),
    Expectation(
        "no_new_refusals",
        "The kernel's log has new complaints about a GPU",
        no_new_refusals,
        "sudo journalctl --dmesg --boot --no-pager | grep -E 'NVRM|nvidia'",
        _ROOT,
    ),
    Expectation(
        "ecc_clean",
        "The GPU's memory has errors",
        card.ecc_clean,
        "nvidia-smi -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT",
        "make nvidia-smi work, or switch ECC on with `sudo nvidia-smi --ecc-config=1` and reboot; a card without ECC cannot be asked",
    ),
    Expectation(
        "pcie_link",
        "The GPU's PCIe link is narrower than the card's",
        card.pcie_link,
        "sudo lspci -vv -d 10de: | grep -E 'LnkCap:|LnkSta:'",
        "run it where sysfs shows the link, not in a virtual machine",
    ),
    Expectation(
        "min_pcie_width",
        "The GPU's PCIe link has too few lanes",
        card.min_pcie_width,
        "sudo lspci -vv -d 10de: | grep -E 'LnkCap:|LnkSta:'",
        "run it where sysfs shows the link, not in a virtual machine",
    ),
    Expectation(
        "persistence",
        "The GPU does not stay initialised",
        card.persistence,
        "sudo systemctl enable --now nvidia-persistenced || sudo nvidia-smi --persistence-mode=1",
        "install a driver that works, so that nvidia-smi can tell",
    ),
    Expectation(
        "fabric_manager",
        "The fabric manager does not serve the driver",
        fabric_manager,
        "sudo systemctl enable --now nvidia-fabricmanager; journalctl -u nvidia-fabricmanager -b --no-pager",
        "run it on the host itself, under systemd",
    ),
    Expectation(
        "secure_boot",
        "Secure Boot is not in the expected state",
        secure_boot,
        "mokutil --sb-state",
        "run it on the host itself; a host that boots without UEFI has no Secure Boot and cannot be asked",
    ),
    Expectation("no_nouveau", "nouveau holds the GPU", no_nouveau, "lspci -k -d 10de:", _ROOT),
    Expectation(
        "min_bandwidth_percent",
        "The GPU's memory is slower than expected",
        card.min_bandwidth_percent,
        "nvidia-smi -q -d CLOCK,PERFORMANCE,POWER",
        "measure it and give bandwidth_bytes_per_s; a card without a figure in the catalogue cannot be compared",
    ),
)
