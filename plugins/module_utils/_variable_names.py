# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Spelling of variable names."""

from __future__ import annotations

import difflib


def unknown_variables(names: list[str], known: list[str]) -> list[str]:
    """One sentence for each of ``names`` that is not ``known``, naming the nearest known one when there is one."""
    sentences: list[str] = []
    for name in sorted(set(names) - set(known)):
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(sorted(known))}"
        sentences.append(f"unknown variable {name}: {hint}")
    return sentences
