# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of each card out of `nvidia-smi -q -x`.

Element names: NVIDIA's document types nvsmi_device_v11 to v13. Where they were renamed all names are listed, the newest first.
"""

from __future__ import annotations

import re
import typing as t
from xml.etree import ElementTree

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._nvidia_smi import sysfs_address

ARGUMENTS = ("-q", "-x")

# What stands in an element when the card could not be asked, in contrast to N/A, which means that it has no such thing.
FAILURES = ("GPU is lost", "GPU requires reset", "Unknown Error", "ERR!")
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
VERSION = re.compile(r"^\d+(?:\.\d+)+")

Convert = t.Callable[[str], t.Any]


def _words(text: str) -> str:
    return text


def _number(text: str) -> t.Optional[float]:
    """The number before a unit: `72.00 W`, `45 C`, `6250 MHz`, `16x`."""
    match = re.match(r"-?\d+(?:\.\d+)?", text)
    return float(match[0]) if match else None


def _count(text: str) -> t.Optional[int]:
    number = _number(text)
    return int(number) if number is not None else None


def _bytes(text: str) -> t.Optional[int]:
    match = re.match(r"(\d+) (\w+)$", text)
    return int(match[1]) * UNITS[match[2]] if match and match[2] in UNITS else None


def _switch(text: str) -> t.Optional[bool]:
    return {"Enabled": True, "Yes": True, "Disabled": False, "No": False}.get(text)


# Key of the result, elements that may hold it, how it is read. Keys are nested at the dots.
FIELDS: t.Tuple[t.Tuple[str, t.Tuple[str, ...], Convert], ...] = (
    ("persistence_mode", ("persistence_mode",), _switch),
    ("compute_mode", ("compute_mode",), _words),
    ("mig_mode", ("mig_mode/current_mig",), _switch),
    ("addressing_mode", ("addressing_mode",), _words),
    ("virtualization_mode", ("gpu_virtualization_mode/virtualization_mode",), _words),
    ("minor", ("minor_number",), _count),
    ("vbios_version", ("vbios_version",), _words),
    ("gsp_firmware_version", ("gsp_firmware_version",), _words),
    ("performance_state", ("performance_state",), _words),
    ("reset_required", ("gpu_reset_status/reset_required",), _switch),
    ("recovery_action", ("gpu_recovery_action",), _words),
    ("memory.total_bytes", ("fb_memory_usage/total",), _bytes),
    ("memory.reserved_bytes", ("fb_memory_usage/reserved",), _bytes),
    ("memory.used_bytes", ("fb_memory_usage/used",), _bytes),
    ("memory.free_bytes", ("fb_memory_usage/free",), _bytes),
    ("bar1.total_bytes", ("bar1_memory_usage/total",), _bytes),
    ("bar1.used_bytes", ("bar1_memory_usage/used",), _bytes),
    ("bar1.free_bytes", ("bar1_memory_usage/free",), _bytes),
    ("pcie.generation", ("pci/pci_gpu_link_info/pcie_gen/current_link_gen",), _count),
    ("pcie.max_generation", ("pci/pci_gpu_link_info/pcie_gen/max_link_gen",), _count),
    ("pcie.device_max_generation", ("pci/pci_gpu_link_info/pcie_gen/max_device_link_gen",), _count),
    ("pcie.host_max_generation", ("pci/pci_gpu_link_info/pcie_gen/max_host_link_gen",), _count),
    ("pcie.width", ("pci/pci_gpu_link_info/link_widths/current_link_width",), _count),
    ("pcie.max_width", ("pci/pci_gpu_link_info/link_widths/max_link_width",), _count),
    ("pcie.replays", ("pci/replay_counter",), _count),
    ("ecc.enabled", ("ecc_mode/current_ecc",), _switch),
    ("ecc.pending", ("ecc_mode/pending_ecc",), _switch),
    ("ecc.sram_threshold_exceeded", ("ecc_errors/aggregate/sram_threshold_exceeded",), _switch),
    ("remapped_rows.corrected", ("remapped_rows/remapped_row_corr",), _count),
    ("remapped_rows.uncorrected", ("remapped_rows/remapped_row_unc",), _count),
    ("remapped_rows.pending", ("remapped_rows/remapped_row_pending",), _switch),
    ("remapped_rows.failed", ("remapped_rows/remapped_row_failure",), _switch),
    ("retired_pages.single_bit", ("retired_pages/multiple_single_bit_retirement/retired_count",), _count),
    ("retired_pages.double_bit", ("retired_pages/double_bit_retirement/retired_count",), _count),
    ("retired_pages.pending", ("retired_pages/pending_retirement", "retired_pages/pending_blacklist"), _switch),
    ("fabric.state", ("fabric/state",), _words),
    ("fabric.status", ("fabric/status",), _words),
    ("fabric.clique_id", ("fabric/cliqueId", "fabric/clique_id"), _words),
    ("fabric.cluster_uuid", ("fabric/clusterUuid", "fabric/cluster_uuid"), _words),
    ("fabric.health", ("fabric/health/summary",), _words),
    ("clocks.graphics_mhz", ("clocks/graphics_clock",), _count),
    ("clocks.sm_mhz", ("clocks/sm_clock",), _count),
    ("clocks.memory_mhz", ("clocks/mem_clock",), _count),
    ("clocks.max_sm_mhz", ("max_clocks/sm_clock",), _count),
    ("clocks.max_memory_mhz", ("max_clocks/mem_clock",), _count),
    ("temperature_c", ("temperature/gpu_temp",), _count),
    (
        "power.draw_w",
        ("gpu_power_readings/instant_power_draw", "gpu_power_readings/average_power_draw", "gpu_power_readings/power_draw", "power_readings/power_draw"),
        _number,
    ),
    ("power.limit_w", ("gpu_power_readings/current_power_limit", "power_readings/enforced_power_limit", "power_readings/power_limit"), _number),
)

# Counters that are added up. Before Ampere the static memory's had no kinds, before Turing there were only bits.
ECC_SCOPES = ("volatile", "aggregate")
ECC_SUMS: t.Dict[str, t.Tuple[str, ...]] = {
    "corrected": ("sram_correctable", "dram_correctable", "single_bit/total"),
    "uncorrected": ("sram_uncorrectable", "sram_uncorrectable_parity", "sram_uncorrectable_secded", "dram_uncorrectable", "double_bit/total"),
}

# Why clocks are lower than they could be; up to 535 the elements spoke of throttling.
REASONS: t.Tuple[t.Tuple[str, str], ...] = (
    ("clocks_event_reasons", "clocks_event_reason_"),
    ("clocks_throttle_reasons", "clocks_throttle_reason_"),
)


class SmiLog(t.NamedTuple):
    """The document: versions of the driver and of CUDA in the driver's user space, and the cards by PCI address."""

    driver_version: t.Optional[str]
    cuda_version: t.Optional[str]
    cards: t.Dict[str, t.Dict[str, t.Any]]


def parse(output: str) -> SmiLog:
    """Raises ValueError when the text is no such document, as when nvidia-smi was stopped in the middle of it."""
    try:
        log = ElementTree.fromstring(output)
    except ElementTree.ParseError as error:
        raise ValueError("not the document of nvidia-smi: %s" % error) from None
    if log.tag != "nvidia_smi_log":
        raise ValueError("not the document of nvidia-smi: it begins with <%s>" % log.tag)
    cards = {sysfs_address(card.get("id", "")): card_state(card) for card in log.findall("gpu") if card.get("id")}
    # From 610 on the old elements hold a note of deprecation.
    return SmiLog(_version(log, "kmd_version", "driver_version"), _version(log, "cuda_umd_version", "cuda_version"), cards)


def card_state(card: ElementTree.Element) -> t.Dict[str, t.Any]:
    """Every field of FIELDS, None where the card has none, and what is computed from several elements."""
    state: t.Dict[str, t.Any] = {}
    for key, elements, convert in FIELDS:
        texts = [text for text in (_text(card, element) for element in elements) if text is not None]
        _put(state, key, convert(texts[0]) if texts else None)
    for scope in ECC_SCOPES:
        state["ecc"][scope] = {name: _sum(card, ["ecc_errors/%s/%s" % (scope, part) for part in parts]) for name, parts in ECC_SUMS.items()}
    state["clocks"]["held_down_by"] = _reasons(card)
    state["failures"] = sorted({text for text in (element.text.strip() for element in card.iter() if element.text) if text in FAILURES})
    return state


def _reasons(card: ElementTree.Element) -> t.Optional[t.List[str]]:
    """Names of the reasons that are active, None where the card does not say."""
    for block, prefix in REASONS:
        found = card.find(block)
        if found is not None:
            return sorted(_without(prefix, reason.tag) for reason in found if (reason.text or "").strip() == "Active")
    return None


def _without(prefix: str, name: str) -> str:
    return name[len(prefix) :] if name.startswith(prefix) else name


def _text(card: ElementTree.Element, element: str) -> t.Optional[str]:
    """Text of an element, None where it is missing, not applicable, or tells of a failure."""
    text = (card.findtext(element) or "").strip()
    return text if text and text not in ("N/A", "[N/A]") and text not in FAILURES else None


def _sum(card: ElementTree.Element, elements: t.Sequence[str]) -> t.Optional[int]:
    counts = [count for count in (_count(_text(card, element) or "") for element in elements) if count is not None]
    return sum(counts) if counts else None


def _version(log: ElementTree.Element, *elements: str) -> t.Optional[str]:
    matches = (VERSION.match((log.findtext(element) or "").strip()) for element in elements)
    return next((match[0] for match in matches if match), None)


def _put(state: t.Dict[str, t.Any], key: str, value: t.Any) -> None:
    *outer, last = key.split(".")
    for name in outer:
        state = state.setdefault(name, {})
    state[last] = value
