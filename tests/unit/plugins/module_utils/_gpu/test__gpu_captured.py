# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs that the scenario `gpu` captured on real machines, through the parsers and the checks: each folder of tests/unit/plugins/captured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _smi_xml as gpu_smi_xml
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._driver import parse_information, parse_version
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Inputs, missing_keys
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._verify import verify

FOLDERS = sorted(path.parent for path in (Path(__file__).resolve().parents[2] / "captured").glob("*/ORIGIN.md"))
NOTHING = [pytest.param(None, marks=pytest.mark.skip(reason="nobody has captured a real GPU machine yet (molecule/gpu)"))]


@pytest.mark.parametrize("folder", FOLDERS or NOTHING, ids=lambda folder: folder.name if folder else "none")
def test_what_a_real_machine_says_is_understood(folder: Path) -> None:
    facts = json.loads((folder / "gpu_info.json").read_text(encoding="utf-8"))
    assert missing_keys(facts) == [] and facts["gpus"]
    log = gpu_smi_xml.parse((folder / "nvidia-smi.xml").read_text(encoding="utf-8"))
    assert log.driver_version == facts["driver"]["loaded_version"] and len(log.cards) == len(facts["gpus"])
    assert parse_version((folder / "proc" / "version").read_text(encoding="utf-8"))["flavour"] == facts["driver"]["loaded_flavour"]
    models = [parse_information(path.read_text(encoding="utf-8"))["model"] for path in sorted((folder / "proc" / "gpus").glob("*/information"))]
    assert sorted(models) == sorted(card["name"] for card in facts["gpus"])
    result = verify(Inputs(facts), {"gpu_count": len(facts["gpus"]), "cuda_init": True})
    assert result["ok"] is (facts["cuda_init"]["outcome"] == "ok"), result["text"]
