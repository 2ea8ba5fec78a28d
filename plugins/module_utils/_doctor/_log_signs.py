# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a vLLM log says, start by start. Pure: numbers and names come out, no line of the log.

The sentences are those of vLLM 0.8 to 0.33 and of torch.
"""

from __future__ import annotations

import re
import typing as t
import zlib

Start = dict[str, t.Any]

# Each start of the server begins with its arguments.
_START = re.compile(r"non-default args:[^\n]*")
_READY = re.compile(r"Application startup complete")
_VERSION = re.compile(r"(?:vLLM API server version|LLM engine \(v|\bversion)\s*v?(\d+\.\d+\.\d+)")
# No pattern may look far ahead from every character: a line may be megabytes long.
# The last match of a start counts; what its groups hold is kept: numbers.
SIGNS: t.Mapping[str, t.Pattern[str]] = {
    "not_given": re.compile(r"GatedRepoError|access a gated repo|RepositoryNotFoundError|is not a valid model identifier"),
    "no_room": re.compile(r"No available memory for the cache blocks"),
    "cache_short": re.compile(
        r"max seq len \((\d+)\), \(?([\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \(([\d.]+) GiB\)"
    ),
    "cache_tokens": re.compile(r"max seq len \((\d+)\) is larger than the maximum number of tokens that can be stored in KV cache \((\d+)\)"),
    "longest": re.compile(r"estimated maximum model length is (\d+)"),
    "out_of_memory": re.compile(r"(?:OutOfMemoryError|CUDA out of memory)(?:[^\n]*?[Tt]ried to allocate ([\d.]+ [KMG]iB))?"),
    "sampler": re.compile(r"CUDA out of memory occurred when warming up sampler with (\d+) dummy requests"),
    "occupied": re.compile(
        r"Free memory on device [^\n(]*\(([\d.]+)/([\d.]+) GiB\) on startup is less than desired GPU memory utilization \(([\d.]+), ([\d.]+) GiB\)"
    ),
    "state_blocks": re.compile(r"max_num_seqs \((\d+)\) exceeds available Mamba cache blocks \((\d+)\)"),
    "no_image": re.compile(r"no kernel image is available for execution on the device"),
    "plain_kernel": re.compile(r"can run with (?:awq|gptq)_marlin, however you specified quantization=(awq|gptq) explicitly"),
    "uneven_block": re.compile(r"is not divisible by weight quantization block_[nk] = (\d+)"),
    "uneven_heads": re.compile(r"[Tt]otal number of attention heads \((\d+)\) must be divisible by tensor parallel size \((\d+)\)"),
    "template": re.compile(r"[Tt]he supplied chat template"),
    "preemptions": re.compile(r"Preemptions: (\d+)"),
    "compiled": re.compile(r"torch\.compile (?:took|takes) ([\d.]+) s in total"),
    "from_cache": re.compile(r"Directly load "),
    # Releases before 0.32 print the key; a mask is no key.
    "key": re.compile(r"non-default args:[^\n]*'(api_key)': \[?'(?!\*+')"),
}
# Those that end a start.
FAILURES = (
    "not_given",
    "no_room",
    "cache_short",
    "cache_tokens",
    "out_of_memory",
    "sampler",
    "occupied",
    "state_blocks",
    "no_image",
    "uneven_block",
    "uneven_heads",
    "template",
)
_STATISTICS = re.compile(r"Avg prompt throughput: ([\d.]+) tokens/s, Avg generation throughput: ([\d.]+) tokens/s, Running: (\d+) reqs")
_KEPT_STARTS = 3


def read(text: str) -> dict[str, t.Any]:
    """The last starts, oldest first, and the version that wrote the log."""
    versions = _VERSION.findall(text)
    return {"version": versions[-1] if versions else None, "starts": [_start(part) for part in _parts(text)[-_KEPT_STARTS:]]}


def _parts(text: str) -> list[str]:
    cuts = [match.start() for match in _START.finditer(text)]
    if not cuts:
        return [text] if text.strip() else []
    return [text[at:end] for at, end in zip(cuts, [*cuts[1:], len(text)])]


def _start(text: str) -> Start:
    begin = _START.match(text)
    signs: dict[str, list[str]] = {}
    for name, pattern in SIGNS.items():
        for found in pattern.finditer(text):
            groups = [group or "" for group in found.groups()]
            # A sentence that gives the figures says more than a later one that does not.
            signs[name] = groups if any(groups) else signs.get(name, groups)
    return {
        # Tells whether two starts were given the same arguments, without keeping them.
        "arguments": zlib.crc32(begin[0].encode()) if begin else None,
        "ready": _READY.search(text) is not None,
        "signs": signs,
        "decoding": _decoding(text),
    }


def _decoding(text: str) -> list[float]:
    """Tokens a second of the times in which the engine only decoded: requests ran at both ends, and no prompt was read between."""
    rates = []
    ran_before = False
    for prompt, generated, running in _STATISTICS.findall(text):
        runs = int(running) > 0
        if ran_before and runs and float(prompt) == 0:
            rates.append(float(generated))
        ran_before = runs
    return rates


def last(log: t.Mapping[str, t.Any]) -> Start | None:
    """The start that tells: the newest, or the one before it while the newest, with the same arguments, is under way."""
    starts = log["starts"]
    if not starts:
        return None
    newest: Start = starts[-1]
    if newest["ready"] or failed(newest) or len(starts) == 1:
        return newest
    before: Start = starts[-2]
    return before if before["arguments"] == newest["arguments"] else newest


def failed(start: Start) -> bool:
    return any(name in start["signs"] for name in FAILURES)
