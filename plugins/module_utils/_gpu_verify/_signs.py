# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a GPU host: each cause with the facts that show it. Pure: facts in, evidence out, None where the cause is not there.

A message of the kernel stays in its log after the repair, so it counts only together with a state that fits it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import branch_of
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify import _log as log
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations_cuda import FAILED, LOST, container_refusal, tell
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import (
    WHOLE,
    Document,
    Inputs,
    branches,
    cards,
    cards_unread,
    core_packages,
    cuda_works,
    events,
    installed,
    libraries,
    loaded,
    part,
    running_kernel,
)
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._fixes import unfollowed

Evidence = t.Optional[str]

NOUVEAU = ("nouveau", "nova_core", "nova-core")
# Packages whose module is built on the host.
BUILT_BY_DKMS = r"nvidia-.*dkms"


def no_card(inputs: Inputs) -> Evidence:
    if cards(inputs.facts) or cards_unread(inputs.facts):
        return None
    others = ", ".join(one["description"] for one in inputs.facts.get("other_display") or [])
    return "no NVIDIA GPU on the PCI bus" + ("; other display devices: %s" % others if others else "")


def off_the_bus(inputs: Inputs) -> Evidence:
    found = events(inputs.facts, "off_the_bus") + [event for event in events(inputs.facts, "xid") if event["xid"] == 79]
    lost = [one["pci_address"] for one in cards(inputs.facts) if "GPU is lost" in (part(one, "state", "failures") or [])]
    if lost:
        return "nvidia-smi says: GPU is lost (%s)" % ", ".join(lost) + "".join("; " + event["text"] for event in found[:1])
    return found[0]["text"] if found and not cuda_works(inputs.facts) else None


def closed_on_open_only(inputs: Inputs) -> Evidence:
    """L01. A message of an earlier module does not count once the open one is there."""
    facts = inputs.facts
    flavour = part(facts, "driver", "flavour")
    refused = events(facts, "open_module_required") if flavour != "open" else []
    mismatched = [one["name"] for one in cards(facts) if one.get("open_module") == "required"] if flavour == "closed" else []
    if not refused and not mismatched:
        return None
    return _join(
        "%s needs the open module" % ", ".join(mismatched) if mismatched else "",
        "the module is the closed one (licence %s)" % (part(facts, "driver", "on_disk", "license") or "NVIDIA") if flavour == "closed" else "",
        refused[0]["text"] if refused else "",
        _smi(facts),
    )


def open_on_closed_only(inputs: Inputs) -> Evidence:
    """L01 the other way round: Maxwell, Pascal and Volta have no system processor."""
    facts = inputs.facts
    flavour = part(facts, "driver", "flavour")
    refused = events(facts, "open_module_impossible") if flavour != "closed" else []
    mismatched = [one["name"] for one in cards(facts) if one.get("open_module") == "impossible"] if flavour == "open" else []
    if not refused and not mismatched:
        return None
    return _join("%s cannot use the open module" % ", ".join(mismatched) if mismatched else "", refused[0]["text"] if refused else "", _smi(facts))


def driver_too_old(inputs: Inputs) -> Evidence:
    return _said(inputs.facts, "card_not_supported")


def driver_too_new(inputs: Inputs) -> Evidence:
    return _said(inputs.facts, "card_legacy")


def nouveau(inputs: Inputs) -> Evidence:
    held = ["%s is bound to %s" % (one["pci_address"], one["driver"]) for one in cards(inputs.facts) if one.get("driver") in NOUVEAU]
    blacklisted = part(inputs.facts, "driver", "nouveau", "blacklisted")
    return _join(*held, "it is %sblacklisted" % ("" if blacklisted else "not ")) if held else None


def given_away(inputs: Inputs) -> Evidence:
    held = ["%s is bound to %s" % (one["pci_address"], one["driver"]) for one in cards(inputs.facts) if (one.get("driver") or "").startswith("vfio")]
    return _join(*held) if held else None


def secure_boot(inputs: Inputs) -> Evidence:
    """Only where the kernel refused a signature, or a module without one lies beside Secure Boot and is not loaded."""
    facts = inputs.facts
    if loaded(facts):
        return None
    refused = events(facts, "signature_refused")
    module = part(facts, "driver", "on_disk")
    unsigned = part(facts, "secure_boot") is True and module is not None and bool(module.get("license")) and not module.get("signer")
    if not refused and not unsigned:
        return None
    return _join(
        "Secure Boot is %s" % {True: "on", False: "off, but the kernel loads signed modules alone"}.get(part(facts, "secure_boot"), "not known"),
        "%s has no signature that could be read" % module["path"] if module and not module.get("signer") else "",
        "%s is signed by %s" % (module["path"], module["signer"]) if module and module.get("signer") else "",
        refused[0]["text"] if refused else "",
    )


def no_driver(inputs: Inputs) -> Evidence:
    facts = inputs.facts
    if not cards(facts) or loaded(facts) or part(facts, "driver", "on_disk") or part(facts, "dkms") or core_packages(facts) or nouveau(inputs):
        return None
    return None if part(facts, "driver") is None else "no module is loaded or on disk, and no package of the driver is installed"


def no_headers(inputs: Inputs) -> Evidence:
    """L03. The module of the running kernel is missing, and could not be built."""
    kernel = running_kernel(inputs.facts)
    if loaded(inputs.facts) or kernel is None or kernel["nvidia_module"] or kernel["headers"] or not _by_dkms(inputs.facts):
        return None
    return _join("kernel %s runs; it has no headers and no NVIDIA module" % kernel["release"], _built_for(inputs.facts))


def not_built(inputs: Inputs) -> Evidence:
    """L03 with headers: DKMS was not run, or its build failed."""
    kernel = running_kernel(inputs.facts)
    if unfinished(inputs) or loaded(inputs.facts) or kernel is None or kernel["nvidia_module"] or not kernel["headers"] or not _by_dkms(inputs.facts):
        return None
    logs = [one["failed_build_log"] for one in part(inputs.facts, "dkms") or [] if one["failed_build_log"]]
    return _join(
        "kernel %s runs; its headers are there, but no NVIDIA module" % kernel["release"], _built_for(inputs.facts), *("failed build: %s" % one for one in logs)
    )


def not_prebuilt(inputs: Inputs) -> Evidence:
    """L03 without DKMS: a prebuilt module belongs to another kernel."""
    kernel = running_kernel(inputs.facts)
    if loaded(inputs.facts) or kernel is None or kernel["nvidia_module"] or _by_dkms(inputs.facts) or not core_packages(inputs.facts):
        return None
    return "kernel %s runs; no package brings an NVIDIA module for it, and DKMS builds none" % kernel["release"]


def other_kernels(inputs: Inputs) -> Evidence:
    """L03 tomorrow: a kernel that may start next has no module."""
    facts = inputs.facts
    others = [one for one in part(facts, "kernel", "installed") or [] if not one["running"] and one["image"] and not one["nvidia_module"]]
    if not others or not (loaded(facts) or part(facts, "driver", "on_disk")):
        return None
    return _join(*("kernel %s has no NVIDIA module%s" % (one["release"], "" if one["headers"] else " and no headers") for one in others))


def headers_not_followed(inputs: Inputs) -> Evidence:
    """L03 tomorrow, for DKMS: nothing brings the headers of the next kernel."""
    missing = unfollowed(inputs.facts)
    if not missing or not _by_dkms(inputs.facts) or no_headers(inputs):
        return None
    return "DKMS builds the module, and %s, which brings the headers of each new kernel, is not installed" % ", ".join(missing)


def not_loaded(inputs: Inputs) -> Evidence:
    """The module is there, nothing is known against it, and it is not loaded."""
    module = part(inputs.facts, "driver", "on_disk")
    if loaded(inputs.facts) or not module or any(find(inputs) for find in (secure_boot, nouveau, given_away, unfinished)):
        return None
    return _join("%s is there and not loaded" % module["path"], _smi(inputs.facts))


def user_space_upgraded(inputs: Inputs) -> Evidence:
    """L08: what is on disk, module or libraries, is of one version, and the module that runs is of another."""
    facts = inputs.facts
    running = part(facts, "driver", "loaded_version")
    if not running:
        return None
    there = {one["version"] for one in libraries(facts) if one["version"]}
    module = part(facts, "driver", "on_disk", "version")
    told = "version mismatch" in (part(facts, "nvidia_smi", "detail") or "").lower() or bool(events(facts, "version_mismatch"))
    whole = len(there) == 1 and (module is None or there == {module})
    if not whole or running in there:
        return None
    return _join(
        "loaded is %s, the libraries are %s" % (running, there.pop()), "the module on disk is %s" % module if module else "", _smi(facts) if told else ""
    )


def libraries_differ(inputs: Inputs) -> Evidence:
    """L04: libraries of several versions, or of another version than both modules."""
    facts = inputs.facts
    found = {one["version"] for one in libraries(facts) if one["version"]}
    running, module = part(facts, "driver", "loaded_version"), part(facts, "driver", "on_disk", "version")
    known = {version for version in (running, module) if version}
    if not known or not found or user_space_upgraded(inputs) or (found == known and len(known) == 1):
        return None
    if len(found) == 1 and found <= known and running in (None, *found):
        return None
    paths = ", ".join("%s (%s)" % (one["path"], one["version"]) for one in libraries(facts))
    return _join("loaded module: %s, module on disk: %s, libraries: %s" % (running or "none", module or "none", paths), _code(facts, 803))


def no_library(inputs: Inputs) -> Evidence:
    facts = inputs.facts
    if not cards(facts) or part(facts, "driver") is None or not (loaded(facts) or part(facts, "driver", "on_disk")):
        return None
    if part(facts, "cuda_init", "outcome") != "absent" and (
        libraries(facts, "libcuda") or part(facts, "cuda_init", "outcome") in ("ok", "error", "crash", "hang")
    ):
        return None
    return _join("there is no libcuda.so.1; driver %s" % (part(facts, "driver", "loaded_version") or "not loaded"), _smi_works(facts))


def driver_mismatch(inputs: Inputs) -> Evidence:
    """803 where the versions that were read agree: another library comes first."""
    if user_space_upgraded(inputs) or libraries_differ(inputs):
        return None
    return _code(inputs.facts, 803)


def no_forward_compatibility(inputs: Inputs) -> Evidence:
    code = _code(inputs.facts, 804)
    compat = [one["path"] for one in part(inputs.facts, "driver", "user_space") or [] if one["compat"]]
    return _join(code, "libraries of forward compatibility: %s" % ", ".join(compat) if compat else "") if code else None


def fabric_manager(inputs: Inputs) -> Evidence:
    manager = part(inputs.facts, "fabric_manager") or {}
    code = _code(inputs.facts, 802)
    stopped = manager.get("nvswitches") and (part(manager, "unit", "active") not in (None, "active") or manager.get("matches_driver") is False)
    if not code and not stopped:
        return None
    unit, package = part(manager, "unit", "active") or "not known", "%s %s" % (manager.get("package") or "no package", manager.get("version") or "")
    return _join(code or "", "fabric manager: %s, unit %s, driver %s" % (package.strip(), unit, part(inputs.facts, "driver", "loaded_version")))


def unified_memory(inputs: Inputs) -> Evidence:
    nodes = part(inputs.facts, "driver", "device_nodes") or []
    code = _code(inputs.facts, 999) or _code(inputs.facts, 304)
    if not code or off_the_bus(inputs):
        return None
    return _join(code, "there is no /dev/nvidia-uvm" if "nvidia-uvm" not in nodes else "nvidia_uvm may be wedged, as after suspending")


def hidden(inputs: Inputs) -> Evidence:
    """CUDA works and shows nothing, though the driver holds cards that nothing refuses."""
    others = (
        closed_on_open_only,
        open_on_closed_only,
        driver_too_old,
        driver_too_new,
        off_the_bus,
        firmware,
        gsp,
        no_window,
        initialisation,
        unfinished,
        given_away,
        nouveau,
    )
    if not loaded(inputs.facts) or any(find(inputs) for find in others):
        return None
    excluded = [one["pci_address"] for one in cards(inputs.facts) if part(one, "information", "excluded")]
    return (
        _join("a parameter of the module excludes %s" % ", ".join(excluded) if excluded else "", _code(inputs.facts, 100) or _code(inputs.facts, 101) or "")
        or None
    )


def hangs(inputs: Inputs) -> Evidence:
    outcome = part(inputs.facts, "cuda_init", "outcome")
    smi = part(inputs.facts, "nvidia_smi", "outcome")
    return _join(tell(part(inputs.facts, "cuda_init")), "nvidia-smi hangs too" if smi == "hang" else "") if outcome in ("hang", "crash") else None


def firmware(inputs: Inputs) -> Evidence:
    return _said(inputs.facts, "firmware_missing")


def gsp(inputs: Inputs) -> Evidence:
    return None if firmware(inputs) else _said(inputs.facts, "gsp_stale", "gsp_boot_failed")


def no_window(inputs: Inputs) -> Evidence:
    return _said(inputs.facts, "bar_invalid")


def initialisation(inputs: Inputs) -> Evidence:
    """The adapter did not start, and no message says why."""
    if any(find(inputs) for find in (closed_on_open_only, open_on_closed_only, driver_too_old, driver_too_new, firmware, gsp, no_window, off_the_bus)):
        return None
    return _said(inputs.facts, "initialisation_failed")


def unfinished(inputs: Inputs) -> Evidence:
    """L02, half done: dpkg was interrupted or gave up, as when files of two branches collide."""
    found = ["%s (%s)" % (one["name"], one["state"]) for one in core_packages(inputs.facts) if one["state"] not in WHOLE]
    return _join("not finished: %s" % ", ".join(found), *_by_branch(inputs.facts)) if found else None


def remains(inputs: Inputs) -> Evidence:
    """L02: packages or DKMS trees of several branches."""
    trees = sorted({one["version"] for one in part(inputs.facts, "dkms") or []})
    if unfinished(inputs) or (len(branches(inputs.facts)) < 2 and len({branch_of(tree) for tree in trees}) < 2):
        return None
    return _join(*_by_branch(inputs.facts), "DKMS has %s" % ", ".join(trees) if len(trees) > 1 else "")


def _by_branch(facts: Document) -> t.List[str]:
    return ["branch %s: %s" % (branch, ", ".join(sorted(names))) for branch, names in sorted(branches(facts).items())]


def docker_without_gpu(inputs: Inputs) -> Evidence:
    """L05, by what a container said, or by what is configured when Docker is there."""
    facts = inputs.facts
    refusal = container_refusal(inputs.container_cuda)
    docker, toolkit = part(facts, "containers", "docker") or {}, part(facts, "containers", "toolkit") or {}
    if refusal == LOST or (refusal is None and not (docker.get("installed") and cards(facts))) or part(inputs.container_cuda or {}, "outcome") == "ok":
        return None
    devices = [spec for spec in part(facts, "containers", "cdi") or [] if (spec["kind"] or "").startswith("nvidia.com/")]
    ways = "nvidia" in (docker.get("runtimes") or {}) or bool(devices)
    if refusal is None and toolkit.get("nvidia_ctk") and ways and docker.get("valid") is not False:
        return None
    return _join(
        tell(inputs.container_cuda) if refusal else "",
        "nvidia-ctk is %s" % (toolkit.get("nvidia_ctk") or "not installed"),
        "%s is not valid" % docker.get("configuration") if docker.get("valid") is False else "",
        "Docker's runtimes: %s" % (", ".join(docker.get("runtimes") or {}) or "its own alone"),
        "CDI specifications: %d" % len(devices),
    )


def stale_specification(inputs: Inputs) -> Evidence:
    version = part(inputs.facts, "driver", "loaded_version")
    if user_space_upgraded(inputs):
        return None
    stale = [spec for spec in part(inputs.facts, "containers", "cdi") or [] if version and spec["driver_versions"] and version not in spec["driver_versions"]]
    return (
        _join(*("%s names the libraries of %s, loaded is %s" % (spec["path"], ", ".join(spec["driver_versions"]), version) for spec in stale))
        if stale
        else None
    )


def container_lost_gpu(inputs: Inputs) -> Evidence:
    """L09: the host has CUDA, the container had the card and may not use it any more."""
    answer = inputs.container_cuda or {}
    lost = container_refusal(answer) == LOST or (answer.get("outcome") == "error" and answer.get("code") in (100, 304, 999))
    return (
        _join("in the container: %s" % tell(answer), "on the host: %s" % tell(part(inputs.facts, "cuda_init"))) if lost and cuda_works(inputs.facts) else None
    )


def container_library(inputs: Inputs) -> Evidence:
    """L04 in the container: no library, or one of the image before the host's."""
    answer = inputs.container_cuda or {}
    host = part(inputs.facts, "cuda_init", "outcome")
    if (
        host in FAILED
        or stale_specification(inputs)
        or container_refusal(answer)
        or not (answer.get("outcome") == "absent" or answer.get("code") in (34, 803, 804))
    ):
        return None
    return _join("in the container: %s" % tell(answer), "on the host: %s" % tell(part(inputs.facts, "cuda_init")))


def hardware(inputs: Inputs) -> Evidence:
    """Xids that the card itself causes, not programs."""
    baseline = part(inputs.baseline or {}, "events")
    found = [event for event in log.new_events(events(inputs.facts, "xid"), baseline) if log.origin(event) == log.HARDWARE and event["xid"] != 79]
    return _join(*(log.words(event) for event in found)) if found else None


def _said(facts: Document, *kinds: str) -> Evidence:
    """The first message of such a kind, as long as CUDA does not work."""
    found = events(facts, *kinds)
    return _join(found[0]["text"], _smi(facts)) if found and not cuda_works(facts) else None


def _code(facts: Document, code: int) -> Evidence:
    return "CUDA on the host: %s" % tell(part(facts, "cuda_init")) if part(facts, "cuda_init", "code") == code else None


def _smi(facts: Document) -> str:
    """nvidia-smi's own words, so that a reader finds the message he knows."""
    detail = part(facts, "nvidia_smi", "detail")
    return "nvidia-smi says: %s" % detail if part(facts, "nvidia_smi", "outcome") in ("failed", "hang") and detail else ""


def _smi_works(facts: Document) -> str:
    return "nvidia-smi works, which proves nothing about CUDA" if part(facts, "nvidia_smi", "outcome") == "ok" else ""


def _by_dkms(facts: Document) -> bool:
    return bool(part(facts, "dkms") or installed(facts, BUILT_BY_DKMS))


def _built_for(facts: Document) -> str:
    built = sorted({kernel["kernel"] for one in part(facts, "dkms") or [] for kernel in one["kernels"]})
    return "DKMS built for %s" % (", ".join(built) or "no kernel") if part(facts, "dkms") else ""


def _join(*parts: t.Optional[str]) -> str:
    return "; ".join(one for one in parts if one)
