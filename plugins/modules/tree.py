# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tree
short_description: Make a folder hold exactly the files of a folder on the controller, or given contents
version_added: 0.1.0
description:
  - Compares by content and transfers in one archive what differs, so that a folder that is as wanted costs one step, however many files
    it has.
  - Files on the host that the folder on the controller does not have are removed, unless O(purge=false).
author: inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: Says which files would change.
  diff_mode:
    support: full
    description: Lists the files that change.
  idempotent:
    support: full
    description: A folder that is as wanted is only read.
  action:
    support: full
    description: The action plugin reads the folder on the controller and transfers the archive.
options:
  src:
    description: Folder on the controller. This or O(contents).
    type: path
  contents:
    description: Texts by path relative to O(dest), for files that are made from variables. They are never shown, so they may hold secrets.
    type: dict
  dest:
    description: Folder on the host.
    type: path
    required: true
  mode:
    description: Mode of the files.
    type: str
    default: "0644"
  purge:
    description: Remove files that O(src) or O(contents) does not have.
    type: bool
    default: true
  manifest:
    description: Set by the action plugin. SHA-256 by path.
    type: dict
  archive:
    description: Set by the action plugin. Archive on the host with the files to bring.
    type: path
"""

EXAMPLES = r"""
- name: Our programs
  inferhost.llm.tree:
    src: "{{ role_path }}/files/lib"
    dest: /opt/inferhost/lib

- name: What Grafana is provisioned with
  inferhost.llm.tree:
    contents:
      dashboards/inferhost.json: "{{ lookup('ansible.builtin.template', 'dashboard.json.j2') }}"
    dest: /opt/inferhost/etc/grafana
"""

RETURN = r"""
brought:
  description: Paths that were missing or had other content.
  type: list
  elements: str
  returned: always
removed:
  description: Paths that were removed.
  type: list
  elements: str
  returned: always
digest:
  description: SHA-256 over the wanted content.
  type: str
  returned: always
"""

import os
import tarfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._tree import difference, manifest, tree_digest, write_file


def _unpack(archive: str, dest: str, mode: int) -> None:
    with tarfile.open(archive) as bundle:
        for member in bundle.getmembers():
            target = os.path.join(dest, member.name)
            os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
            content = bundle.extractfile(member)
            if content is None:
                continue
            write_file(target, content.read(), mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path"},
            "contents": {"type": "dict", "no_log": True},
            "dest": {"type": "path", "required": True},
            "mode": {"type": "str", "default": "0644"},
            "purge": {"type": "bool", "default": True},
            "manifest": {"type": "dict"},
            "archive": {"type": "path"},
        },
        supports_check_mode=True,
    )
    dest, wanted, mode = module.params["dest"], module.params["manifest"], int(module.params["mode"], 8)
    if wanted is None:
        module.fail_json(msg="the manifest is missing: this module works through its action plugin, not by itself")
    bring, extra = difference(wanted, manifest(dest))
    extra = extra if module.params["purge"] else []
    modes = [path for path in wanted if path not in bring and (os.stat(os.path.join(dest, path)).st_mode & 0o7777) != mode]
    if module.params["archive"] and not module.check_mode:
        _unpack(module.params["archive"], dest, mode)
        for path in extra:
            os.unlink(os.path.join(dest, path))
        for path in modes:
            os.chmod(os.path.join(dest, path), mode)
    module.exit_json(
        changed=bool(bring or extra or modes),
        brought=bring,
        removed=extra,
        digest=tree_digest(wanted),
        diff={"before": "".join(f"{path}\n" for path in extra), "after": "".join(f"{path}\n" for path in bring + modes)},
    )


if __name__ == "__main__":
    main()
