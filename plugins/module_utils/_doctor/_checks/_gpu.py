# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPUs and their driver. What is wrong, why, and what mends it are the causes of gpu_verify; here each finds its row."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._causes import CRITICAL
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations_cuda import FAILED, tell
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import (
    Document,
    Inputs,
    cards,
    cards_unread,
    core_packages,
    cuda_works,
    from_distribution,
    loaded,
    part,
    why_unread,
)
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._fixes import PLAN, words
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._verify import Found, causes

_LEVELS = ("warning", "error")
# Causes without a row of the ledger: those that CUDA's answer shows go with L04, those of the card and its module have a check of their own.
_OF_CUDA = ("L04", "unified_memory", "hidden", "cuda_hangs")
_OF_THE_CARD = (
    "off_the_bus",
    "driver_too_old",
    "driver_too_new",
    "given_away",
    "no_driver",
    "module_not_loaded",
    "firmware_missing",
    "gsp",
    "no_window",
    "initialisation_failed",
    "hardware",
)
# That a card is held for virtual machines, or has no driver, may be what its owner wants.
_PERHAPS_MEANT = ("given_away", "no_driver")
_KERNEL_LOG = ("journalctl", "dmesg", "/dev/kmsg", "kernel_log")


@check("L01", "The kernel module is of the wrong kind for the GPU", _LEVELS, ["gpu_info"])
def module_flavour(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, ("L01",), _no_driver_facts, _no_kernel_log)


@check("L02", "Remains of other drivers", _LEVELS, ["gpu_info"])
def remains(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, ("L02",), _no_packages)


@check("L03", "A kernel without the driver's module", _LEVELS, ["gpu_info"])
def kernel_module(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, ("L03",), _no_driver_facts, _no_kernels)


@check("L04", "CUDA does not start", _LEVELS, ["gpu_info"])
def cuda(facts: Facts) -> t.Iterator[Outcome]:
    document = facts["gpu_info"]
    outcomes = list(_judged(facts, _OF_CUDA, _no_driver_facts, _cuda_not_asked))
    yield from outcomes
    answer = part(document, "cuda_init") or {}
    # The other rows say why where they know it; that CUDA does not start is said in any case.
    if cards(document) and answer.get("outcome") in FAILED and not any(isinstance(one, Seen) for one in outcomes) and not _explained(document):
        yield Seen("error", tell(answer), answer.get("cause") or "the driver gives no reason", answer.get("fix") or PLAN)


@check("L07", "The card or its driver is kept away from the kernel", _LEVELS, ["gpu_info"])
def kept_away(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, ("L07",), _no_kernel_log)


@check("L08", "Upgrades under a loaded driver", _LEVELS, ["gpu_info"], uses=["apt"])
def upgrades(facts: Facts) -> t.Iterator[Outcome]:
    found = list(_judged(facts, ("L08",), _no_driver_facts, _no_packages))
    yield from found
    document = facts["gpu_info"]
    if not cards(document) or not core_packages(document) or any(isinstance(one, Seen) for one in found):
        return
    if "apt" not in facts.values:
        yield Unseen(facts.missing.get("apt", "apt's configuration was not read"))
        return
    yield from _may_move(document, facts["apt"])
    yield from map(Unseen, facts.gaps.get("apt", ()))


@check("gpu", "A GPU that cannot be used", _LEVELS, ["gpu_info"])
def unusable(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, _OF_THE_CARD, _no_driver_facts, _no_kernel_log)


Blind = t.Callable[[Document], t.Optional[str]]


def _judged(facts: Facts, ids: t.Sequence[str], *blind: Blind) -> t.Iterator[Outcome]:
    """The causes with these ids as findings; where there is none, what kept us from seeing one. A machine without a card has neither."""
    document = facts["gpu_info"]
    if not cards(document):
        why = cards_unread(document)
        if why:
            yield Unseen(why)
        return
    found = [one for one in causes(Inputs(document), ()) if one.cause.id in ids]
    for one in found:
        yield Seen(_severity(one, document), one.seen, one.cause.cause, one.cause.fix.format(**words(document)), one.cause.title)
    if not found:
        yield from (Unseen(why) for look in blind for why in [look(document)] if why)


def _severity(found: Found, document: Document) -> str:
    """Nothing that CUDA works with, and nothing that may be meant, is an error."""
    mild = found.cause.contributing or cuda_works(document) or found.cause.id in _PERHAPS_MEANT
    if found.cause.id == "L07" and part(document, "driver", "on_disk") is None and not core_packages(document):
        # nouveau beside no driver of NVIDIA's: a desktop, or a host that nobody set up yet.
        mild = True
    return "warning" if mild else "error"


def _explained(document: Document) -> bool:
    """Whether a cause that stops CUDA is known; another check tells it."""
    return any(one.cause.severity == CRITICAL and "cuda_init" in one.cause.explains for one in causes(Inputs(document), ()))


def _may_move(document: Document, apt: t.Mapping[str, t.Any]) -> t.Iterator[Outcome]:
    """Packages of the driver that unattended-upgrades may replace while their module is loaded."""
    if not apt["unattended"]:
        return
    # Unless told otherwise it takes nothing from NVIDIA's repository.
    everywhere = any(re.search(r"nvidia|origin=\*|^\*:", origin, re.I) for origin in apt["origins"])
    reached = [one for one in core_packages(document) if one["state"] == "installed" and (everywhere or from_distribution(one))]
    free = [one["name"] for one in reached if not one["held"] and not any(_fits(word, one["name"]) for word in apt["blacklist"])]
    if free:
        yield Seen(
            "warning",
            f"unattended-upgrades is on, and may replace {', '.join(free[:4])}{' and more' if len(free) > 4 else ''}: neither held nor on its blacklist",
            "libraries of another version than the loaded module: nvidia-smi says `Driver/library version mismatch`, and CUDA fails until a reboot",
            f"sudo apt-mark hold {' '.join(free)}",
            "The driver may be upgraded while it is loaded",
        )


def _fits(pattern: str, name: str) -> bool:
    """As unattended-upgrades matches its blacklist: at the beginning."""
    try:
        return re.match(pattern, name) is not None
    except re.error:
        return False


def _no_driver_facts(document: Document) -> str | None:
    return why_unread(document, "driver") if part(document, "driver") is None else None


def _no_kernel_log(document: Document) -> str | None:
    """Refusals stand in the kernel's log alone; where CUDA works there are none."""
    if cuda_works(document) or part(document, "kernel_log", "source") is not None:
        return None
    return f"the kernel's log could not be read ({why_unread(document, *_KERNEL_LOG)}); run with --become to see it"


def _no_packages(document: Document) -> str | None:
    return why_unread(document, "dpkg", "packages") if part(document, "packages") is None else None


def _no_kernels(document: Document) -> str | None:
    return why_unread(document, "kernel") if part(document, "kernel") is None else None


def _cuda_not_asked(document: Document) -> str | None:
    if part(document, "cuda_init", "outcome") != "not_run":
        return None
    if not loaded(document):
        return "CUDA was not asked: no driver of NVIDIA's is loaded"
    return f"CUDA could not be asked: {part(document, 'cuda_init', 'cause') or 'no reason given'}"
