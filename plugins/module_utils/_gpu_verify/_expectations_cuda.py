# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of CUDA's own answers, on the host and in a container. That nvidia-smi works is no proof of either."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations_types import NO, UNKNOWN, Answer, judged
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Document, Inputs, cards, part

FAILED = ("error", "crash", "hang", "absent")

# What starting a container says when Docker does not know the GPU: up to 28, from 29 on, without the runtime, with a stale specification.
REFUSALS = (
    "could not select device driver",
    "failed to discover GPU vendor from CDI",
    "no known GPU vendor found",
    "unknown or invalid runtime name: nvidia",
    "unresolvable CDI devices",
)
# What NVML says in a container that lost its access to the device nodes.
LOST = "Failed to initialize NVML: Unknown Error"


def cuda_init(inputs: Inputs, _wanted: bool) -> Answer:
    """Every card that the driver holds has to be shown. Of a card that is split CUDA shows one part, so then one is enough."""
    answer = part(inputs.facts, "cuda_init")
    held = [one for one in cards(inputs.facts) if (one.get("driver") or "").startswith("nvidia")]
    split = any(part(one, "state", "mig_mode") for one in held)
    return _outcome(answer, 1 if split else max(1, len(held)), _beside(inputs.facts))


def cuda_major(inputs: Inputs, wanted: int) -> Answer:
    version = part(inputs.facts, "cuda_init", "cuda_version")
    if not version:
        return Answer(UNKNOWN, "CUDA did not tell its version: %s" % tell(part(inputs.facts, "cuda_init")))
    return judged(int(version.split(".")[0]) >= wanted, "CUDA %s" % version)


def container_cuda_init(inputs: Inputs, _wanted: bool) -> Answer:
    answer = inputs.container_cuda
    if not answer:
        return Answer(UNKNOWN, "no container was run: container_cuda is not given")
    if container_refusal(answer):
        return Answer(NO, tell(answer))
    return _outcome(answer, 1, "")


def container_refusal(answer: t.Optional[Document]) -> t.Optional[str]:
    """The words by which Docker or NVML refused, None when they are not among the answer's."""
    said = " ".join(str((answer or {}).get(key) or "") for key in ("cause", "detail", "msg", "stderr"))
    return next((words for words in (*REFUSALS, LOST) if words.lower() in said.lower()), None)


def tell(answer: t.Optional[Document]) -> str:
    """One line about an answer of CUDA."""
    if not answer:
        return "no answer of cuInit"
    if answer.get("outcome") == "ok":
        return "cuInit works, CUDA %s shows %s GPUs" % (answer.get("cuda_version"), answer.get("device_count"))
    code = "%s (%s)" % (answer.get("code"), answer.get("name")) if answer.get("code") else ""
    words = [code or str(answer.get("outcome")), str(answer.get("cause") or answer.get("detail") or "").strip().rstrip(".")]
    return "%s: %s" % (answer.get("call") or "cuInit", ", ".join(word for word in words if word))


def _outcome(answer: t.Optional[Document], least: int, beside: str) -> Answer:
    outcome = (answer or {}).get("outcome")
    seen = tell(answer) + beside
    if outcome == "ok":
        count = (answer or {}).get("device_count")
        if count is None:
            return Answer(UNKNOWN, "%s; how many GPUs CUDA shows is not known" % seen)
        return judged(count >= least, seen + ("" if count >= least else ", of %d" % least))
    return Answer(NO if outcome in FAILED else UNKNOWN, seen)


def _beside(facts: Document) -> str:
    """What nvidia-smi said to the same question, so that a contradiction is seen."""
    outcome, detail = part(facts, "nvidia_smi", "outcome"), part(facts, "nvidia_smi", "detail")
    if part(facts, "cuda_init", "outcome") == "ok" or outcome in (None, "not_run", "absent"):
        return ""
    return "; nvidia-smi %s" % ("works, which proves nothing about CUDA" if outcome == "ok" else "says: %s" % (detail or outcome))
