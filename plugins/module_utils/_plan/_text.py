# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as lines that people read."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import in_gib
from ansible_collections.inferhost.llm.plugins.module_utils._plan._parts import memory_bar
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document

LABELS = {
    "parameters": "parameters",
    "active_parameters": "active parameters",
    "download": "download",
    "gpu_memory": "share of the engine",
    "weights": "weights in memory",
    "activation_peak": "activation peak",
    "cuda_graphs": "CUDA graphs",
    "non_torch": "outside torch",
    "runtime": "runtime",
    "kv_bytes_per_token": "KV cache a token",
    "state_per_sequence": "state a sequence",
    "kv_cache": "KV cache",
    "kv_tokens": "KV cache holds",
    "concurrency": "requests of full length at once",
    "headroom": "headroom",
    "start": "time to start",
}


def lines(plan: Document) -> t.List[str]:
    """A table of the sizes, the limits, the flags with their reasons, warnings, and the verdict last."""
    model, device, engine = plan["model"], plan["device"], plan["engine"]
    text = [
        "model   %s (%s, %s)" % (model["name"], model["architecture"], model["quantization"] or model["dtype"]),
        "device  %s" % _device(device),
        "engine  %s %s, %s build" % (engine["name"], engine["version"], engine["build"]),
    ]
    if plan["sizes"]:
        text += ["", *_table([(LABELS.get(one["name"], one["name"]), amount(one["value"], one["unit"]), one["source"]) for one in plan["sizes"]])]
    picture = memory_bar(plan)
    if picture:
        text += ["", *picture]
    if plan["limits"]["max_model_len"]:
        text += ["", *_table([(name, "%d" % value) for name, value in plan["limits"].items()])]
    for way, values in (plan["sampling"] or {"ways": {}})["ways"].items():
        text += ["sampling, %s: %s (%s)" % (way, ", ".join("%s %g" % item for item in values.items()), plan["sampling"]["source"])]
    settings = [(one["flag"], one["value"] or "", one["reason"]) for one in plan["flags"]]
    settings += [(one["name"], one["value"], one["reason"]) for one in plan["environment"]]
    if settings:
        text += ["", *_table(settings)]
    if plan["roofline"]["tokens_per_s_max"]:
        text += ["", "at most %.1f tokens/s for one request: %s" % (plan["roofline"]["tokens_per_s_max"], plan["roofline"]["source"])]
    notes = ["warning: %s" % one["message"] for one in plan["warnings"]]
    notes += ["could do better: %s: %s" % (one["change"], one["effect"]) for one in plan["alternatives"]]
    if notes:
        text += ["", *notes]
    return [*text, "", verdict(plan)]


def verdict(plan: Document) -> str:
    """One line: whether it works."""
    refusal = plan["refusal"]
    if refusal is None:
        return "fits: %d tokens of context; the host needs %s of memory and %s of disk" % (
            plan["limits"]["max_model_len"],
            amount(plan["need"]["memory_bytes"], "bytes"),
            amount(plan["need"]["disk_bytes"], "bytes"),
        )
    return "refused: " + refusal_text(refusal)


def refusal_text(refusal: Document) -> str:
    """Message and remedies in one sentence each."""
    remedies = refusal["remedies"]
    return "%s%s" % (refusal["message"], ". What would help: %s" % "; or ".join(remedies) if remedies else "")


def amount(value: t.Union[int, float], unit: str) -> str:
    """A number with its unit; bytes in the unit that keeps it short."""
    if unit == "bytes":
        return in_gib(value) if abs(value) >= 1 << 27 else "%.1f MiB" % (value / (1 << 20))
    if unit == "bytes/token":
        return "%.0f KiB" % (value / 1024) if value % 1024 == 0 else "%d bytes" % value
    if unit == "parameters":
        return "%.2f billion" % (value / 1e9) if value >= 1e8 else "%.2f million" % (value / 1e6)
    return ("%.2f %s" if isinstance(value, float) else "%d %s") % (value, unit)


def _device(device: Document) -> str:
    if not device["name"]:
        return "%s" % device["kind"]
    return "%d x %s: %s" % (device["count"], device["name"], device["source"])


def _table(rows: t.Sequence[t.Tuple[str, ...]]) -> t.List[str]:
    """Columns as wide as their widest cell; the last one is left ragged."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
