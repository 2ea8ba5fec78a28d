# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which source serves the host, and how the kernel module gets onto it from there. Pure; a refusal names what else would do."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._choice import Choice, Reasoned, choose
from ansible_collections.inferhost.llm.plugins.module_utils._driver._kernels import Kernels, headers_for, kernels
from ansible_collections.inferhost.llm.plugins.module_utils._driver._packages import (
    PREBUILT_KERNELS,
    REPOSITORY_ARCHITECTURES,
    SCHEMES,
    Scheme,
    named,
    releases,
)
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import (
    AUTO,
    CUDA_REPO,
    DKMS,
    KNOWN,
    PREBUILT,
    SOURCES,
    Card,
    Document,
    Evidence,
    Host,
    Refused,
    Wishes,
)


class Build(t.NamedTuple):
    """How the kernel module gets onto the host."""

    modules: Reasoned
    kernel_packages: t.List[Document]
    packages: t.List[str]
    kernels: Kernels


def with_source(cards: t.Sequence[Card], host: Host, wishes: Wishes) -> t.Tuple[Reasoned, t.Tuple[Choice, Build]]:
    """The source, and what was chosen from it. Raises Refused, naming other sources that would do."""
    if wishes.source != AUTO:
        try:
            return Reasoned(wishes.source, "asked for, or the default", Evidence(KNOWN, "the user")), _planned(cards, host, wishes.source, wishes)
        except Refused as refused:
            refused.remedies += _elsewhere(cards, host, wishes)
            raise
    first: t.Optional[Refused] = None
    for source in SOURCES:
        try:
            planned = _planned(cards, host, source, wishes)
        except Refused as refused:
            first = first or refused
            continue
        reason = "auto: the other source would not do (%s)" % first.code if first else "auto: the first that serves the cards"
        return Reasoned(source, reason, Evidence(KNOWN, "the order of this collection")), planned
    raise first if first else Refused("unsupported_release", "no source knows this release")


def _elsewhere(cards: t.Sequence[Card], host: Host, wishes: Wishes) -> t.List[str]:
    """What the other source would give for the same wishes."""
    remedies = []
    for source in SOURCES:
        if source == wishes.source:
            continue
        try:
            choice, _build = _planned(cards, host, source, wishes)
        except Refused:
            continue
        remedies.append("Use source=%s, which would give branch %s with the %s module." % (source, choice.offer.branch, choice.flavour.value))
    return remedies


def other_releases(cards: t.Sequence[Card], host: Host, wishes: Wishes) -> t.List[str]:
    """Where the same wishes would come true."""
    found = []
    for distribution, release in releases():
        there = Host(distribution, release, architecture=host.architecture, secure_boot=host.secure_boot, nvswitch=host.nvswitch)
        served = [source for source in SOURCES if _serves(cards, there, source, wishes)]
        found += ["%s %s (source=%s)" % (distribution, release, source) for source in served]
    return ["Use a release that has such a driver: %s." % ", ".join(found)] if found else []


def _serves(cards: t.Sequence[Card], host: Host, source: str, wishes: Wishes) -> bool:
    try:
        _planned(cards, host, source, wishes)
    except Refused:
        return False
    return True


def _planned(cards: t.Sequence[Card], host: Host, source: str, wishes: Wishes) -> t.Tuple[Choice, Build]:
    choice = choose(cards, host, source, wishes)
    if source == CUDA_REPO and host.architecture not in REPOSITORY_ARCHITECTURES:
        raise Refused("unsupported_architecture", "NVIDIA's repository has nothing for %s." % host.architecture)
    scheme = SCHEMES[choice.offer.scheme]
    build = _build(choice, scheme, host, wishes)
    if host.nvswitch and not scheme.fabric_manager:
        raise Refused(
            "fabric_manager_not_offered",
            "The cards hang on NVSwitches, so CUDA needs the fabric manager of the driver's version; no package of it is known for %s %s."
            % (host.distribution, source),
        )
    if build.modules.value == DKMS and host.secure_boot and not host.mok_enrolled:
        raise Refused("secure_boot_dkms", _SECURE_BOOT % choice.offer.branch, _mok_steps(host))
    return choice, build


_SECURE_BOOT = (
    "Secure Boot is on, and the module of branch %s would be built on this host (DKMS): the kernel refuses it until its key is enrolled in the firmware."
)


def _mok_steps(host: Host) -> t.List[str]:
    key = "/var/lib/shim-signed/mok/MOK.der" if host.distribution == "ubuntu" else "/var/lib/dkms/mok.pub"
    return [
        "Enrol the key that DKMS signs with: `mokutil --import %s`, reboot, choose `Enroll MOK` at the console, then say that it is enrolled." % key,
        "Or turn Secure Boot off in the firmware.",
    ]


def _build(choice: Choice, scheme: Scheme, host: Host, wishes: Wishes) -> Build:
    found = kernels(host)
    offer, flavour = choice.offer, choice.flavour.value
    form = (wishes.profile, flavour)
    unbuilt = [name for name in found.flavours if name not in PREBUILT_KERNELS.get(host.release, ())]
    if scheme.prebuilt_module and found.flavours and not unbuilt and not found.unfollowed:
        template = scheme.prebuilt_module[flavour]
        return Build(
            Reasoned(PREBUILT, "the distribution builds and signs the module for %s" % " and ".join(found.flavours), scheme.evidence),
            _following([template.format(branch=offer.branch, kernel=name) for name in found.flavours], "brings the module for each kernel of its flavour")
            + _running([template.format(branch=offer.branch, kernel=host.running_kernel)] if host.running_kernel else []),
            named(scheme.prebuilt[form], offer.branch),
            found,
        )
    return Build(
        Reasoned(DKMS, _why_dkms(scheme, found, unbuilt), scheme.evidence),
        _following(headers_for(found), "brings the headers of each kernel of its flavour, for DKMS")
        + _running(["linux-headers-%s" % name for name in found.releases]),
        named(scheme.packages[form], offer.branch),
        found,
    )


def _why_dkms(scheme: Scheme, found: Kernels, unbuilt: t.Sequence[str]) -> str:
    if not scheme.prebuilt_module:
        return "the source has no prebuilt modules"
    if unbuilt:
        return "the distribution builds no module for %s" % " and ".join(unbuilt)
    return "the kernel is not one of the distribution's (%s)" % " and ".join(found.unfollowed) if found.unfollowed else "no kernel was found"


def _following(names: t.Sequence[str], why: str) -> t.List[Document]:
    return [{"package": name, "required": True, "reason": why} for name in names]


def _running(names: t.Sequence[str]) -> t.List[Document]:
    """The archive drops the packages of old kernels, so these are wanted only where they can be had."""
    return [{"package": name, "required": False, "reason": "an installed kernel may be older than the newest"} for name in names]
