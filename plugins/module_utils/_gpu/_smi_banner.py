# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions that nvidia-smi prints for people: in its banner, under `--version`, and beside its errors.

Up to 605 the words are `Driver Version` and `CUDA Version`; from 610 on `KMD Version` and `CUDA UMD Version`, and under the old words stands
that they are deprecated.
"""

from __future__ import annotations

import re
import typing as t

ARGUMENTS = ("--version",)

# Key of the result and wordings, the newest first. A number follows the colon, so a note of deprecation does not match.
WORDINGS: t.Tuple[t.Tuple[str, t.Tuple[str, ...]], ...] = (
    ("driver", (r"KMD version", r"DRIVER version")),
    ("cuda", (r"CUDA UMD version", r"CUDA version")),
    ("nvml", (r"NVML (?:library )?version",)),
    ("nvidia_smi", (r"NVIDIA-SMI version",)),
)
NUMBER = r"\s*:\s*(\d+(?:\.\d+)+)"
# In the banner the program's own version has no colon.
OWN = re.compile(r"NVIDIA-SMI (\d+(?:\.\d+)+)")


def parse(output: str) -> t.Dict[str, t.Optional[str]]:
    """Each version, None where the text has none."""
    found = {key: next((match[1] for match in (_search(words, output) for words in wordings) if match), None) for key, wordings in WORDINGS}
    own = OWN.search(output)
    return dict(found, nvidia_smi=found["nvidia_smi"] or (own[1] if own else None))


def _search(words: str, output: str) -> t.Optional[re.Match[str]]:
    return re.search(r"\b" + words + NUMBER, output, re.I)
