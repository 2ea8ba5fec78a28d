# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that talk to an endpoint as a client does."""

from __future__ import annotations


class ModuleDocFragment:
    """What `extends_documentation_fragment` takes over."""

    DOCUMENTATION = r"""
options:
  base_url:
    description: Address of the endpoint, with or without C(/v1) at its end.
    type: str
    required: true
  model:
    description: Name of the served model. The first one of C(/v1/models) when it is not given.
    type: str
  api_key_file:
    description: File on the target that holds the API key and nothing else.
    type: path
  api_key:
    description: The API key itself. Prefer O(api_key_file), which keeps the key out of the playbook.
    type: str
"""
