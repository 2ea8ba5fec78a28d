# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._smi_banner import parse

# Banners and outputs of `--version` as people published them; only the versions matter.
BANNER_580 = "| NVIDIA-SMI 580.126.20             Driver Version: 580.126.20     CUDA Version: 13.0     |\n"
BANNER_610 = "| NVIDIA-SMI 610.57.04              KMD Version: 610.57.04     CUDA UMD Version: 13.3     |\n"
VERSION_590 = """NVIDIA-SMI version  : 590.48.01
NVML version        : 590.48
DRIVER version      : 590.48.01
CUDA Version        : 13.1
"""
VERSION_610 = """NVIDIA-SMI version  : 610.57.04
NVML version        : 610.57
DRIVER version      : Deprecated, see "KMD version" instead
CUDA version        : Deprecated, see "CUDA UMD version" instead
KMD version         : 610.57.04
CUDA UMD version    : 13.3
"""
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.178\n"


@pytest.mark.parametrize(
    ("output", "driver", "cuda", "nvml", "own"),
    [
        (BANNER_580, "580.126.20", "13.0", None, "580.126.20"),
        (BANNER_610, "610.57.04", "13.3", None, "610.57.04"),
        (VERSION_590, "590.48.01", "13.1", "590.48", "590.48.01"),
        (VERSION_610, "610.57.04", "13.3", "610.57", "610.57.04"),
        (MISMATCH, None, None, "580.178", None),
        ("| NVIDIA-SMI 580.126.20   Driver Version: N/A   CUDA Version: N/A |", None, None, None, "580.126.20"),
        ("", None, None, None, None),
    ],
)
def test_versions(output: str, driver: t.Optional[str], cuda: t.Optional[str], nvml: t.Optional[str], own: t.Optional[str]) -> None:
    assert parse(output) == {"driver": driver, "cuda": cuda, "nvml": nvml, "nvidia_smi": own}
