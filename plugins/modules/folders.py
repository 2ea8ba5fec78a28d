# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: folders
short_description: Make several folders in one step
version_added: 0.1.0
description:
  - Creates folders and sets their modes and owners, like M(ansible.builtin.file) in a loop, at the cost of one task.
author: inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: Says which folders would change.
  diff_mode:
    support: full
    description: Lists the folders that change.
  idempotent:
    support: full
    description: Folders that are as wanted are left alone.
options:
  root:
    description: Folder that the paths are relative to.
    type: path
    required: true
  folders:
    description: The folders, parents first.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Path below O(root); empty for O(root) itself.
        type: str
        required: true
      mode:
        description: Mode in octal.
        type: str
        required: true
      owner:
        description: Owner; left alone when not given.
        type: str
      group:
        description: Group; left alone when not given.
        type: str
"""

EXAMPLES = r"""
- name: Folders of a service
  inferhost.llm.folders:
    root: /opt/inferhost
    folders:
      - {path: "", mode: "0755"}
      - {path: etc/secrets, mode: "0700"}
"""

RETURN = r"""
changed_folders:
  description: Paths that were created or changed.
  type: list
  elements: str
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "folders": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "str", "required": True},
                    "mode": {"type": "str", "required": True},
                    "owner": {"type": "str"},
                    "group": {"type": "str"},
                },
            },
        },
        supports_check_mode=True,
    )
    changed: list[str] = []
    for folder in module.params["folders"]:
        path = os.path.join(module.params["root"], folder["path"]).rstrip("/")
        if os.path.lexists(path) and not os.path.isdir(path):
            module.fail_json(msg=f"{path} is there and is no folder; move it away", changed_folders=changed)
        if not os.path.isdir(path):
            changed.append(path)
            if module.check_mode:
                continue
            os.makedirs(path)
        wanted = module.load_file_common_arguments({**folder, "path": path}, path=path)
        if module.set_fs_attributes_if_different(wanted, False) and path not in changed:
            changed.append(path)
    module.exit_json(changed=bool(changed), changed_folders=changed, diff={"before": "", "after": "".join(f"{path}\n" for path in changed)})


if __name__ == "__main__":
    main()
