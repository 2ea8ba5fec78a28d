# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of models, memory, kernels and starts together: each broken host is named by one of them, and what cannot be known is said."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._catalogue import CHECKS
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._fit import fit, subjects
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import Examined, examine
from ansible_collections.inferhost.llm.tests.unit.plugins import doctor_hardware as hardware
from ansible_collections.inferhost.llm.tests.unit.plugins import doctor_models as models

IDS = ("L20", "L21", "L26", "L28", "L31", "L32", "L33", "L34", "L35", "L36", "L38", "L39", "L71", "L72")
BASE: t.Dict[str, t.Any] = {
    "processes": [models.process(models.FLAGS)],
    "services": [models.service(models.FLAGS)],
    "caches": [models.cache()],
    "secret_files": [],
    "gpu_info": hardware.HEALTHY["gpu_info"],
    **models.HEALTHY,
}


def ask(changes: t.Mapping[str, t.Any], ids: t.Sequence[str] = IDS) -> Examined:
    return examine(CHECKS.select(ids), Facts({**copy.deepcopy(BASE), **changes}))


@pytest.mark.parametrize(
    ("id", "changes"), [row[:2] for row in models.BROKEN if row[0] in IDS], ids=[f"{row[0]}-{row[3]}" for row in models.BROKEN if row[0] in IDS]
)
def test_each_row_is_named_and_no_other(id: str, changes: t.Mapping[str, t.Any]) -> None:
    assert {one.id for one in ask(changes).findings} == {id}


def test_a_healthy_engine_has_no_finding() -> None:
    examined = ask({})
    assert (examined.findings, examined.not_checked, examined.checked) == ((), (), IDS)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"engine_files": [models.files(model=None)]}, "the model of systemd service vllm.service is not known here, so what fits beside it is not"),
        ({"engine_files": [models.files(version=None)]}, "the vLLM version of systemd service vllm.service is not known, so what fits is not"),
        (
            models.engine([*models.GRAPHS, "--cpu-offload-gb", "4"]),
            "the memory of systemd service vllm.service is not foreseen: the plan does not follow --cpu-offload-gb",
        ),
        (
            models.engine([*models.GRAPHS, "--quantization", "fp8"], models.DENSE),
            "the memory of systemd service vllm.service is not foreseen: the plan does not follow --quantization fp8",
        ),
    ],
)
def test_what_the_plan_does_not_know_is_not_claimed(changes: t.Mapping[str, t.Any], why: str) -> None:
    for id in ("L20", "L21", "L26", "L28"):
        examined = ask(changes, [id])
        assert [one.why for one in examined.not_checked] == [why], id
        assert (examined.checked, examined.findings) == ((), ())


def test_what_fits_is_what_the_plan_says() -> None:
    flags = ["--gpu-memory-utilization", "0.75"]
    (one,) = subjects(Facts({**BASE, **models.engine(flags, models.AWQ_14B)}))
    found = fit(one)
    assert not isinstance(found, str)
    assert found.terms.requested < found.devices.total_bytes * 0.76
    assert found.longest == found.cache.longest(found.terms.cache, 32768)
    assert found.cache.bytes_for(found.longest) <= found.terms.cache < found.cache.bytes_for(found.longest + 32)


def test_each_remedy_makes_more_room_and_they_come_in_the_guides_order() -> None:
    (found,) = ask(models.engine(models.THRIFTY, models.AWQ_14B, engine_logs=[]), ["L26"]).findings
    named = [part.split()[0] for part in found.fix.partition("# ")[2].split(", or ")]
    assert named == ["--max-model-len", "--gpu-memory-utilization", "--max-num-seqs", "--enforce-eager", "--kv-cache-dtype"]


def test_a_start_under_way_is_told_by_the_one_before_it() -> None:
    failed = models.BEGIN + models.TOO_LONG + "\n"
    logs = [{**models.log(), **models.read(failed + models.BEGIN)}]
    assert [one.id for one in ask(models.engine(models.GRAPHS, models.AWQ_14B, engine_logs=logs)).findings] == ["L28"]
    other = models.BEGIN.replace("'m'", "'n'")
    logs = [{**models.log(), **models.read(failed + other)}]
    assert ask(models.engine(models.GRAPHS, models.AWQ_14B, engine_logs=logs), ["L28"]).findings == ()
