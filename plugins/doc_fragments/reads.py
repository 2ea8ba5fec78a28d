# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of modules that only read."""

from __future__ import annotations


class ModuleDocFragment:
    """What `extends_documentation_fragment` takes over."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: The module changes nothing, so it runs in check mode too.
  diff_mode:
    support: N/A
    description: The module changes nothing, so there is no difference to show.
  idempotent:
    support: full
    description: The module changes nothing.
"""
