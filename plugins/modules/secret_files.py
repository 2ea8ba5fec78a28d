# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_files
short_description: Make secrets on the host, once
version_added: 0.1.0
description:
  - Writes a random secret into each file that is missing. A secret that is there is kept, whatever made it.
  - The secrets are made where they are kept and are never returned, so they do not travel.
author: inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: Says which secrets would be made or closed to others.
  diff_mode:
    support: none
    description: A difference would show a secret.
  idempotent:
    support: full
    description: Secrets that are there and closed to others are only read.
options:
  folder:
    description: Folder of the secrets. It must exist.
    type: path
    required: true
  names:
    description: File names below O(folder).
    type: list
    elements: str
    required: true
  prefixes:
    description: What a new secret begins with, by file name. Others begin with nothing.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Keys of the endpoint
  inferhost.llm.secret_files:
    folder: /opt/inferhost/etc/secrets
    names: [api_key, engine_key]
    prefixes:
      api_key: sk-
"""

RETURN = r"""
made:
  description: Names of the secrets that were made.
  type: list
  elements: str
  returned: success
closed:
  description: Names of the secrets whose files others could read until now.
  type: list
  elements: str
  returned: success
digest:
  description: SHA-256 over names and contents; another one means that a service has to read them again. Empty while one is not made yet.
  type: str
  returned: success
"""

import hashlib
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._secret import MODE, new_secret
from ansible_collections.inferhost.llm.plugins.module_utils._tree import write_file


def _is_open(path: str) -> bool:
    status = os.stat(path)
    return status.st_mode & 0o7777 != MODE or status.st_uid != os.geteuid()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True, "no_log": False},
            "prefixes": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    params = module.params
    paths = {name: os.path.join(params["folder"], name) for name in params["names"]}
    made = [name for name, path in paths.items() if not os.path.exists(path)]
    closed = [name for name, path in paths.items() if name not in made and _is_open(path)]
    for name, path in paths.items():
        if name not in made and not os.path.getsize(path):
            module.fail_json(msg=f"{path} is empty. Put the secret in, or remove the file to have a new one made.")
    if made and not module.check_mode and not os.path.isdir(params["folder"]):
        module.fail_json(msg=f"there is no folder {params['folder']} for the secrets; the role inferhost.llm.inferhost makes it")
    if not module.check_mode:
        for name in made:
            write_file(paths[name], new_secret(params["prefixes"].get(name, "")), MODE)
        for name in closed:
            os.chown(paths[name], os.geteuid(), -1)
            os.chmod(paths[name], MODE)
    complete = all(os.path.exists(path) for path in paths.values())
    content = hashlib.sha256()
    for name, path in sorted(paths.items()) if complete else []:
        with open(path, "rb") as stream:
            content.update(f"{name}\0".encode() + hashlib.sha256(stream.read()).digest())
    module.exit_json(changed=bool(made or closed), made=made, closed=closed, digest=content.hexdigest() if complete else "")


if __name__ == "__main__":
    main()
