# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA cards by PCI device id. Data only; `_gpu/_lookup.py` asks the questions.

PCI ids and architecture ranges: README of NVIDIA's open kernel modules, 595.45.04. Compute capability: NVIDIA's CUDA GPU pages.
`memory_mib` is what nvidia-smi prints for the card (None: not known, the nominal size is used and marked as such).
Memory, bandwidth and power: data sheets; `verified` says whether the figure was read in a published source (True) or is from memory (False).
"""

from __future__ import annotations

import typing as t


class Card(t.NamedTuple):
    """One card as it is sold."""

    name: str
    architecture: str
    device_ids: t.Tuple[str, ...]
    memory_gib: float
    memory_mib: t.Optional[int]
    bandwidth_gb_s: int
    power_w: int
    verified: bool = False
    subsystem_ids: t.Tuple[str, ...] = ()
    note: str = ""


class Architecture(t.NamedTuple):
    """What every card of one chip generation has in common."""

    name: str
    compute_capability: str
    open_module: str
    fp8: str
    fp4: str


# open_module: required (the closed module refuses the card), recommended (both work, and NVIDIA suggests the open one from 560 on),
# impossible (the chip has no system processor for it).
# fp8, fp4: native (tensor cores), weight_only (vLLM's Marlin kernels), none.
ARCHITECTURES: t.Dict[str, Architecture] = {
    "maxwell": Architecture("Maxwell", "5.2", "impossible", "none", "none"),
    "pascal": Architecture("Pascal", "6.1", "impossible", "none", "none"),
    "volta": Architecture("Volta", "7.0", "impossible", "none", "none"),
    "turing": Architecture("Turing", "7.5", "recommended", "weight_only", "weight_only"),
    "ga100": Architecture("Ampere", "8.0", "recommended", "weight_only", "weight_only"),
    "ga10x": Architecture("Ampere", "8.6", "recommended", "weight_only", "weight_only"),
    "ada": Architecture("Ada Lovelace", "8.9", "recommended", "native", "weight_only"),
    "hopper": Architecture("Hopper", "9.0", "recommended", "native", "weight_only"),
    "gb100": Architecture("Blackwell", "10.0", "required", "native", "native"),
    "gb110": Architecture("Blackwell Ultra", "10.3", "required", "native", "native"),
    "gb20x": Architecture("Blackwell", "12.0", "required", "native", "native"),
    "gb10": Architecture("Blackwell", "12.1", "required", "native", "native"),
}

# First and last device id of each generation that the open modules' README lists; inclusive; the first match counts.
RANGES: t.Tuple[t.Tuple[int, int, str], ...] = (
    (0x15F0, 0x15FF, "pascal"),
    (0x1380, 0x17FF, "maxwell"),
    (0x1B00, 0x1D7F, "pascal"),
    (0x1D80, 0x1DFF, "volta"),
    (0x1E02, 0x1EF5, "turing"),
    (0x1F02, 0x1FF9, "turing"),
    (0x2182, 0x21D1, "turing"),
    (0x20B0, 0x20FD, "ga100"),
    (0x2203, 0x2238, "ga10x"),
    (0x2414, 0x24FA, "ga10x"),
    (0x2503, 0x25FB, "ga10x"),
    (0x230E, 0x2348, "hopper"),
    (0x2684, 0x26BA, "ada"),
    (0x2702, 0x27FB, "ada"),
    (0x2803, 0x28F8, "ada"),
    (0x2901, 0x29BB, "gb100"),
    (0x3182, 0x31C2, "gb110"),
    (0x2B85, 0x2BB9, "gb20x"),
    (0x2C02, 0x2C79, "gb20x"),
    (0x2D04, 0x2DF9, "gb20x"),
    (0x2F04, 0x2F58, "gb20x"),
    (0x2E12, 0x2E12, "gb10"),
)

# From here on every chip is Blackwell or newer: the open module is required even where the exact generation is not known.
OPEN_MODULE_REQUIRED_FROM = 0x2900

# From here on every chip has the system processor that the open module needs, so it is possible where the generation is not known.
OPEN_MODULE_POSSIBLE_FROM = 0x1E00

# Cards of a generation that differ from it. GH200: the closed module does not support Grace Hopper.
OPEN_MODULE_OVERRIDES: t.Dict[str, str] = {"2342": "required"}

# Who sells boards, by PCI vendor id of the subsystem. Names: the public list of PCI ids.
BOARD_MAKERS: t.Dict[str, str] = {
    "1028": "Dell",
    "103c": "HP",
    "1043": "ASUS",
    "107d": "Leadtek",
    "10b0": "Gainward",
    "10de": "NVIDIA",
    "1414": "Microsoft",
    "1458": "Gigabyte",
    "1462": "MSI",
    "1569": "Palit",
    "1590": "HPE",
    "15d9": "Supermicro",
    "1849": "ASRock",
    "17aa": "Lenovo",
    "196e": "PNY",
    "19da": "ZOTAC",
    "1b4c": "KFA2",
    "3842": "EVGA",
    "7377": "Colorful",
}

CARDS: t.Tuple[Card, ...] = (
    Card("NVIDIA RTX 2000 Ada Generation", "ada", ("28b0",), 16, 16380, 224, 70),
    Card("NVIDIA RTX 4000 SFF Ada Generation", "ada", ("27b0",), 20, 20475, 280, 70),
    Card("NVIDIA RTX 4000 Ada Generation", "ada", ("27b2",), 20, 20475, 360, 130),
    Card("NVIDIA RTX 4500 Ada Generation", "ada", ("27b1",), 24, 24570, 432, 210),
    Card("NVIDIA RTX 5000 Ada Generation", "ada", ("26b2",), 32, 32760, 576, 250),
    Card("NVIDIA RTX 6000 Ada Generation", "ada", ("26b1",), 48, 49140, 960, 300),
    Card("NVIDIA L4", "ada", ("27b8",), 24, 23034, 300, 72, verified=True),
    Card("NVIDIA L40", "ada", ("26b5",), 48, 46068, 864, 300),
    Card("NVIDIA L40S", "ada", ("26b9",), 48, 46068, 864, 350, verified=True),
    Card("NVIDIA GeForce RTX 4060 Ti", "ada", ("2788", "2803", "2805"), 16, 16380, 288, 165, note="also sold with 8 GiB"),
    Card("NVIDIA GeForce RTX 4070 Ti SUPER", "ada", ("2689", "2705"), 16, 16376, 672, 285),
    Card("NVIDIA GeForce RTX 4080", "ada", ("2704",), 16, 16376, 717, 320),
    Card("NVIDIA GeForce RTX 4080 SUPER", "ada", ("2702",), 16, 16376, 736, 320),
    Card("NVIDIA GeForce RTX 4090", "ada", ("2684",), 24, 24564, 1008, 450),
    Card("NVIDIA GeForce RTX 4090 D", "ada", ("2685",), 24, 24564, 1008, 425),
    Card("NVIDIA A2", "ga10x", ("25b6",), 16, 15356, 200, 60),
    Card("NVIDIA A10", "ga10x", ("2236",), 24, 23028, 600, 150),
    Card("NVIDIA A10G", "ga10x", ("2237",), 24, 23028, 600, 300),
    Card("NVIDIA A16", "ga10x", ("25b6",), 16, 15356, 200, 62, note="four such chips on one board"),
    Card("NVIDIA A30", "ga100", ("20b7",), 24, 24576, 933, 165),
    Card("NVIDIA A40", "ga10x", ("2235",), 48, 46068, 696, 300),
    Card("NVIDIA RTX A2000 12GB", "ga10x", ("2571",), 12, 12282, 288, 70),
    Card("NVIDIA RTX A4000", "ga10x", ("24b0",), 16, 16376, 448, 140),
    Card("NVIDIA RTX A4500", "ga10x", ("2232",), 20, 20470, 640, 200),
    Card("NVIDIA RTX A5000", "ga10x", ("2231",), 24, 24564, 768, 230),
    Card("NVIDIA RTX A6000", "ga10x", ("2230",), 48, 49140, 768, 300),
    Card("NVIDIA GeForce RTX 3060", "ga10x", ("2487", "24c7", "2503", "2504", "2544"), 12, 12288, 360, 170, note="also sold with 8 GiB"),
    Card("NVIDIA GeForce RTX 3080", "ga10x", ("2206", "220a", "2216"), 10, 10240, 760, 320, note="also sold with 12 GiB"),
    Card("NVIDIA GeForce RTX 3090", "ga10x", ("2204",), 24, 24576, 936, 350),
    Card("NVIDIA GeForce RTX 3090 Ti", "ga10x", ("2203",), 24, 24564, 1008, 450),
    Card("NVIDIA A100-PCIE-40GB", "ga100", ("20f1",), 40, 40960, 1555, 250),
    Card("NVIDIA A100-SXM4-40GB", "ga100", ("20b0",), 40, 40960, 1555, 400),
    Card("NVIDIA A100 80GB PCIe", "ga100", ("20b5",), 80, 81920, 1935, 300),
    Card("NVIDIA A100-SXM4-80GB", "ga100", ("20b2",), 80, 81920, 2039, 400),
    Card("NVIDIA H100 PCIe", "hopper", ("2331",), 80, 81559, 2039, 350),
    Card("NVIDIA H100 80GB HBM3", "hopper", ("2330",), 80, 81559, 3352, 700, verified=True, note="needs the fabric manager on NVSwitch boards"),
    Card("NVIDIA H100 NVL", "hopper", ("2321",), 94, 95830, 3938, 400),
    Card("NVIDIA H20", "hopper", ("2329",), 96, 97871, 4000, 400),
    Card("NVIDIA H200", "hopper", ("2335",), 141, 143771, 4800, 700, verified=True, note="needs the fabric manager on NVSwitch boards"),
    Card("NVIDIA H200 NVL", "hopper", ("233b",), 141, 143771, 4800, 600),
    Card("NVIDIA GH200 480GB", "hopper", ("2342",), 96, 97871, 4000, 900),
    Card("NVIDIA B200", "gb100", ("2901",), 180, 183359, 8000, 1000, verified=True, note="needs the fabric manager on NVSwitch boards"),
    Card("NVIDIA GB200", "gb100", ("2941",), 186, None, 8000, 1200),
    Card("NVIDIA B300 SXM6 AC", "gb110", ("3182",), 268, 275040, 8000, 1400),
    Card("NVIDIA GB300", "gb110", ("31c2",), 268, None, 8000, 1400),
    Card("NVIDIA GB10", "gb10", ("2e12",), 119, None, 273, 140, note="unified memory: the size is the system's, nvidia-smi does not print it"),
    Card("NVIDIA RTX PRO 2000 Blackwell", "gb20x", ("2d30",), 16, None, 288, 70),
    Card("NVIDIA RTX PRO 4000 Blackwell", "gb20x", ("2c34",), 24, None, 672, 140),
    Card("NVIDIA RTX PRO 4000 Blackwell SFF Edition", "gb20x", ("2c33",), 24, None, 432, 70),
    Card("NVIDIA RTX PRO 4500 Blackwell", "gb20x", ("2c31",), 32, None, 896, 200),
    Card("NVIDIA RTX PRO 5000 Blackwell", "gb20x", ("2bb3",), 48, None, 1344, 300, subsystem_ids=("204d",)),
    Card("NVIDIA RTX PRO 5000 72GB Blackwell", "gb20x", ("2bb3",), 72, None, 1344, 300, subsystem_ids=("227a",)),
    Card("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "gb20x", ("2bb1",), 95.6, 97887, 1792, 600, verified=True),
    Card("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "gb20x", ("2bb4",), 95.6, 97887, 1792, 300, verified=True),
    Card("NVIDIA RTX PRO 6000 Blackwell Server Edition", "gb20x", ("2bb5",), 95.6, 97887, 1597, 600, note="some pages print 1792 GB/s"),
    Card("NVIDIA GeForce RTX 5060 Ti", "gb20x", ("2d04",), 16, 16311, 448, 180, note="also sold with 8 GiB"),
    Card("NVIDIA GeForce RTX 5070", "gb20x", ("2f04",), 12, 12227, 672, 250),
    Card("NVIDIA GeForce RTX 5070 Ti", "gb20x", ("2c05",), 16, 16303, 896, 300),
    Card("NVIDIA GeForce RTX 5080", "gb20x", ("2c02",), 16, 16303, 960, 360),
    Card("NVIDIA GeForce RTX 5090", "gb20x", ("2b85",), 32, 32607, 1792, 575),
    Card("Tesla T4", "turing", ("1eb8",), 16, 15360, 320, 70, note="with ECC on"),
    Card("NVIDIA GeForce RTX 2080 Ti", "turing", ("1e04", "1e07"), 11, 11264, 616, 250),
    Card("Quadro RTX 8000", "turing", ("1e30", "1e78"), 48, None, 672, 260),
    Card("Tesla V100-SXM2-16GB", "volta", ("1db1",), 16, 16384, 900, 300),
    Card("Tesla V100-SXM2-32GB", "volta", ("1db5",), 32, 32768, 900, 300),
    Card("Tesla V100-PCIE-16GB", "volta", ("1db4",), 16, 16384, 900, 250),
)
