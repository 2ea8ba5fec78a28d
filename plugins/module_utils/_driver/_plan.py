# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards, host and wishes in, the driver plan out: everything a role has to do, and why. Pure; `docs/driver.md` explains the document.

The tables know, `_driver/_choice.py` and `_driver/_source.py` choose, this file assembles.
A host that cannot get a working driver gets a `refusal` and nothing to do.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._apt._simulation import upstream
from ansible_collections.inferhost.llm.plugins.module_utils._driver import _apt as apt
from ansible_collections.inferhost.llm.plugins.module_utils._driver._branches import NVLINK5_CAPABILITIES, NVSWITCH_CARDS, branch_named
from ansible_collections.inferhost.llm.plugins.module_utils._driver._choice import Choice, Reasoned, cuda_reason
from ansible_collections.inferhost.llm.plugins.module_utils._driver._installed import Target, Verdict, verdicts
from ansible_collections.inferhost.llm.plugins.module_utils._driver._kernels import images_for, installed_version
from ansible_collections.inferhost.llm.plugins.module_utils._driver._packages import (
    FABRIC_MANAGER_COMPONENT,
    KEYRING_FILE,
    KEYRING_PATH,
    KEYRING_SHA256,
    REPOSITORY_ARCHITECTURES,
    REPOSITORY_URL,
    SCHEMES,
    UNATTENDED_PATTERNS,
    X86_64_ONLY,
    Scheme,
    named,
    repository_for,
)
from ansible_collections.inferhost.llm.plugins.module_utils._driver._source import Build, other_releases, with_source
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import (
    AUTO,
    CUDA_REPO,
    DISTRIBUTION,
    DKMS,
    FLAVOURS,
    KNOWN,
    OPEN,
    PREBUILT,
    PROFILES,
    SCHEMA,
    SOURCES,
    Card,
    Document,
    DriverInputError,
    Evidence,
    Host,
    Refused,
    Wishes,
    branch_of,
    warning,
)

LICENCES = {True: "Dual MIT/GPL", False: "NVIDIA"}


def decide(cards: t.Sequence[Card], host: Host, wishes: Wishes) -> Document:
    """The plan; one that cannot work carries a `refusal`. Raises DriverInputError for wishes that make no sense."""
    _check(host, wishes)
    document = _frame(cards, host, wishes)
    if not cards:
        document["state"] = "nothing_to_do"
        document["decisions"].append(_decision("driver", "none", Reasoned("none", "no NVIDIA card on the PCI bus", Evidence(KNOWN, "the bus"))))
        return document
    try:
        source, planned = with_source(cards, host, wishes)
    except Refused as refused:
        refused.remedies = refused.remedies or other_releases(cards, host, wishes)
        document["state"] = "refused"
        document["refusal"] = refused.document()
        return document
    document["decisions"].append(_decision("source", source.value, source))
    document["source"] = source.value
    _fill(document, cards, host, wishes, *planned)
    return document


def _check(host: Host, wishes: Wishes) -> None:
    for name, value, allowed in (
        ("source", wishes.source, (*SOURCES, AUTO)),
        ("flavour", wishes.flavour, (*FLAVOURS, AUTO)),
        ("profile", wishes.profile, PROFILES),
    ):
        if value not in allowed:
            raise DriverInputError("%s: must be one of %s, not %r" % (name, ", ".join(allowed), value))
    if wishes.branch != AUTO and branch_named(wishes.branch) is None:
        raise DriverInputError("branch: %r is not a driver branch; write its number, as in 580, or auto" % wishes.branch)
    if wishes.cuda_major < 0:
        raise DriverInputError("cuda_major: must be 0 (any) or above, not %d" % wishes.cuda_major)
    if not host.distribution or not host.release:
        raise DriverInputError("host: the distribution and its release must be known, not %r %r" % (host.distribution, host.release))


def _frame(cards: t.Sequence[Card], host: Host, wishes: Wishes) -> Document:
    return {
        "schema": SCHEMA,
        "state": "",
        "host": {"distribution": host.distribution, "release": host.release, "architecture": host.architecture, "running_kernel": host.running_kernel},
        "gpus": _counted(cards),
        "decisions": [],
        "source": None,
        "branch": None,
        "flavour": None,
        "profile": wishes.profile,
        "modules": None,
        "repository": None,
        "apt": {"components": [], "preferences": [], "allow_downgrades": False},
        "kernel_packages": [],
        "steps": [],
        "install": [],
        "remove": [],
        "keep": [],
        "holds": [],
        "unhold": [],
        "unattended_upgrades": {"blacklist": []},
        "module_blacklist": [],
        "services": [],
        "reboot": {"needed": False, "reasons": []},
        "expect": None,
        "warnings": [],
        "refusal": None,
    }


def _fill(document: Document, cards: t.Sequence[Card], host: Host, wishes: Wishes, choice: Choice, build: Build) -> None:
    offer, flavour = choice.offer, choice.flavour.value
    scheme = SCHEMES[offer.scheme]
    pinning = scheme.pinning.format(branch=offer.branch)
    target = Target(offer.scheme, offer.branch, flavour, build.modules.value, host.release, pinning)
    judged = verdicts(host.packages, target)
    fabric = _fabric(scheme, offer.branch, cards, host) if host.nvswitch else []
    packages = [*build.packages, *fabric]
    document.update(
        branch=offer.branch,
        flavour=flavour,
        modules=build.modules.value,
        repository=_repository(host) if offer.source == CUDA_REPO else None,
        kernel_packages=build.kernel_packages,
        install=[_package(name, scheme.evidence, host) for name in ([pinning] if pinning else []) + packages],
        remove=[{"name": row.package.name, "version": row.package.version, "reason": row.reason} for row in judged if not row.keep],
        keep=[{"name": row.package.name, "version": row.package.version, "reason": row.reason, "moves": row.moves} for row in judged if row.keep],
        holds=_holds(packages, build, host),
        unattended_upgrades={"blacklist": list(UNATTENDED_PATTERNS)},
        module_blacklist=["nouveau"],
        services=["nvidia-persistenced", *(["nvidia-fabricmanager"] if fabric else [])],
        reboot=_reboot(cards, host, offer.branch, flavour, packages),
        expect=_expect(cards, offer.branch, flavour, bool(fabric), wishes),
    )
    document["apt"] = {
        "components": [
            *offer.components,
            *([FABRIC_MANAGER_COMPONENT] if fabric and offer.source == DISTRIBUTION and FABRIC_MANAGER_COMPONENT not in offer.components else []),
        ],
        "preferences": apt.preferences(offer, scheme),
        "allow_downgrades": any(row.moves and branch_of(row.package.version) > offer.branch for row in judged),
    }
    document["decisions"] += [
        _decision("branch", offer.branch, choice.branch),
        _decision("flavour", flavour, choice.flavour),
        _decision("modules", build.modules.value, build.modules),
        _decision("packages", offer.scheme, Reasoned(offer.scheme, "how this source names branch %s" % offer.branch, scheme.evidence)),
        *([_decision("cuda_major", str(wishes.cuda_major), cuda_reason(wishes))] if wishes.cuda_major else []),
    ]
    document["steps"] = apt.steps(document, scheme, pinning, packages, fabric)
    document["unhold"] = _unhold(document, host)
    document["warnings"] = _warnings(cards, host, wishes, choice, build, fabric)
    document["state"] = "ready" if _is_ready(document, host, judged, offer.branch) else "change"


def _decision(what: str, value: str, reasoned: Reasoned) -> Document:
    return {"what": what, "value": value, "reason": reasoned.reason, "evidence": reasoned.evidence.document()}


def _counted(cards: t.Sequence[Card]) -> t.List[Document]:
    counts: t.Dict[Card, int] = {}
    for card in cards:
        alike = card._replace(driver=None)
        counts[alike] = counts.get(alike, 0) + 1
    return [
        {"name": card.name, "count": count, "compute_capability": card.compute_capability, "open_module": card.open_module} for card, count in counts.items()
    ]


def _package(name: str, evidence: Evidence, host: Host) -> Document:
    return {"name": name, "installed": installed_version(host.packages, name), "verified": evidence.verified}


def _repository(host: Host) -> t.Optional[Document]:
    row = repository_for(host.distribution, host.release)
    if row is None:
        return None
    architecture = REPOSITORY_ARCHITECTURES[host.architecture]
    url = REPOSITORY_URL.format(name=row.name, architecture=architecture)
    return {
        "name": row.name,
        "url": url,
        "suite": "/",
        "keyring_url": url + KEYRING_FILE,
        "keyring_path": KEYRING_PATH,
        "keyring_sha256": KEYRING_SHA256[row.name].get(architecture),
        "key_url": url + row.key_file if row.key_file else None,
        "key_fingerprint": row.key_fingerprint,
        "evidence": row.evidence.document(),
    }


def _fabric(scheme: Scheme, branch: str, cards: t.Sequence[Card], host: Host) -> t.List[str]:
    nvlink5 = any(card.compute_capability in NVLINK5_CAPABILITIES for card in cards)
    names = named((*scheme.fabric_manager, *(scheme.nvlink5 if nvlink5 else ())), branch)
    return [name for name in names if host.architecture == "x86_64" or name not in X86_64_ONLY]


def _holds(packages: t.Sequence[str], build: Build, host: Host) -> t.List[Document]:
    """A driver that moves under a loaded module breaks CUDA until the next boot, so nothing of it moves but with the upgrade playbook."""
    reasons = dict.fromkeys(packages, "user space and the loaded module must have the same version")
    if build.modules.value == PREBUILT:
        modules = [row["package"] for row in build.kernel_packages if row["required"]]
        reasons.update(dict.fromkeys(modules, "a newer module would not fit the held user space"))
        reasons.update(dict.fromkeys(images_for(build.kernels, host), "a kernel without its prebuilt module would boot without the GPU"))
    return [{"name": name, "reason": reason, "held": name in host.held} for name, reason in reasons.items()]


def _unhold(document: Document, host: Host) -> t.List[str]:
    touched = {row["name"] for part in ("install", "remove", "keep") for row in document[part]}
    return [name for name in host.held if name in touched]


def _reboot(cards: t.Sequence[Card], host: Host, branch: str, flavour: str, packages: t.Sequence[str]) -> Document:
    reasons = []
    module = host.module
    nouveau = [card.name for card in cards if card.driver == "nouveau"]
    if nouveau or (module and module.name == "nouveau"):
        reasons.append("nouveau holds the card; it lets go only at boot")
    if module and module.name == "nvidia":
        if module.version and branch_of(module.version) != branch:
            reasons.append("the loaded module is %s; user space of branch %s needs one of its own version" % (module.version, branch))
        elif module.version:
            reasons += _moved_under(module.version, branch, host, packages)
        if module.flavour and module.flavour != flavour:
            reasons.append("the loaded module is the %s one" % module.flavour)
    return {"needed": bool(reasons), "reasons": reasons}


def _moved_under(loaded: str, branch: str, host: Host, packages: t.Sequence[str]) -> t.List[str]:
    """Whether the driver's packages are of another release of the branch than the module that is loaded."""
    versions = [installed_version(host.packages, name) or "" for name in packages]
    release = next((upstream(version) for version in versions if branch_of(version) == branch), loaded)
    return [] if release == loaded else ["the loaded module is %s, the installed driver %s" % (loaded, release)]


def _expect(cards: t.Sequence[Card], branch: str, flavour: str, fabric: bool, wishes: Wishes) -> Document:
    """What `gpu_verify` has to find afterwards. Versions within the branch are apt's to choose; the loaded module and user space must agree on one."""
    return {
        "gpu_count": len(cards),
        "driver_branch": branch,
        "min_driver_version": "%s.0" % branch,
        "open_module": flavour == OPEN,
        "module_licence": LICENCES[flavour == OPEN],
        "same_version": ["module", "user_space", *(["fabric_manager"] if fabric else [])],
        "cuda_init": True,
        "cuda_major": wishes.cuda_major or None,
        "fabric_manager": fabric,
    }


def _warnings(cards: t.Sequence[Card], host: Host, wishes: Wishes, choice: Choice, build: Build, fabric: t.Sequence[str]) -> t.List[Document]:
    offer, found = choice.offer, []
    branch = branch_named(offer.branch)
    if branch and branch.ends and wishes.today and wishes.today > branch.ends:
        found.append(warning("branch_end_of_life", "NVIDIA's support for branch %s ended in %s." % (branch.name, branch.ends)))
    if choice.missed:
        found.append(
            warning("preferred_branch_not_offered", "%s %s has no branch %s in source %s." % (host.distribution, host.release, choice.missed, offer.source))
        )
    if offer.evidence.mark == KNOWN:
        found.append(
            warning("packages_not_verified", "Nobody has seen branch %s in this source for this release; apt will say so if it is not there." % offer.branch)
        )
    if host.architecture != "x86_64":
        found.append(
            warning("architecture_not_checked", "The tables were checked for x86_64; for %s the names are assumed to be the same." % host.architecture)
        )
    for kernel in build.kernels.unfollowed:
        found.append(
            warning(
                "kernel_without_metapackage", "No metapackage is known for kernel %s: after its next update the headers must be installed by hand." % kernel
            )
        )
    if build.modules.value == DKMS and not build.kernel_packages:
        found.append(warning("no_kernel_found", "No installed kernel is known, so no headers are planned; in a container the host's kernel counts."))
    if host.nvswitch is None and any(part in card.name for card in cards for part in NVSWITCH_CARDS):
        found.append(warning("nvswitch_not_known", "Boards with these cards may have NVSwitches; say whether this one has, or CUDA may fail with 802."))
    if fabric and not SCHEMES[offer.scheme].nvlink5 and any(card.compute_capability in NVLINK5_CAPABILITIES for card in cards):
        found.append(warning("nvlsm_not_offered", "NVLink 5 boards also need nvlsm, which this source is not known to have; source=cuda_repo has it."))
    if any(card.driver == "vfio-pci" for card in cards):
        found.append(warning("card_given_away", "A card is bound to vfio-pci, for a virtual machine; the driver will not get it."))
    if any(card.compute_capability is None for card in cards):
        found.append(warning("card_not_known", "The catalogue does not know a card; whether the branch serves it was not checked."))
    return found


def _is_ready(document: Document, host: Host, judged: t.Sequence[Verdict], branch: str) -> bool:
    """Everything there, in the wanted branch, and nothing else."""
    required = [row["package"] for row in document["kernel_packages"] if row["required"]]
    there = all(row["installed"] for row in document["install"]) and all(installed_version(host.packages, name) for name in required)
    return there and not document["remove"] and not any(row.moves for row in judged) and not document["reboot"]["needed"]
