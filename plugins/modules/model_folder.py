# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: model_folder
short_description: Check a model's folder that was carried to the host
version_added: 0.1.0
description:
  - Compares the files with the checksums that came with them, those of M(inferhost.llm.model_download) or a file C(SHA256SUMS).
  - Without checksums the files are held against what they say of themselves - the index names every file of weights, and the header of each tells its length.
  - The folder is only read. That its contents were compared is noted in O(record), so that another run does not read them again.
author: inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: Everything is checked, nothing is noted.
  diff_mode:
    support: none
    description: Nothing of the model is changed.
  idempotent:
    support: full
    description: Files that were checked are only looked at.
options:
  path:
    description: The folder.
    type: path
    required: true
  record:
    description: File outside the folder, in which it is noted what was checked.
    type: path
    required: true
  verify:
    description: Whether files that were checked before are read again (V(all)) or only looked at (V(new)).
    type: str
    choices: [new, all]
    default: new
"""

EXAMPLES = r"""
- name: The model that came on a disk
  inferhost.llm.model_folder:
    path: /srv/models/Qwen3.6-27B
    record: /opt/inferhost/run/model_folder.json
"""

RETURN = r"""
path:
  description: The folder.
  type: str
  returned: always
verified_by:
  description: C(manifest), C(SHA256SUMS), or C(structure) where no checksums came with it.
  type: str
  returned: success
checked:
  description: Files whose contents were read.
  type: list
  elements: str
  returned: success
digest:
  description: Changes exactly when the model's files do, as far as that is known without reading them.
  type: str
  returned: success
wrong:
  description: What is wrong, one line each.
  type: list
  elements: str
  returned: failure
"""

import json
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._hub._carried import SUMS, brought_sums, expected, structure
from ansible_collections.inferhost.llm.plugins.module_utils._hub._files import checked
from ansible_collections.inferhost.llm.plugins.module_utils._tree import digest, tree_digest, write_file

Record = dict[str, list[t.Any]]


def read_record(path: str, folder: str) -> Record:
    """Size, time of change and SHA-256 by name, as noted for this folder."""
    try:
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
        return dict(document["files"]) if document["path"] == folder else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def compare(folder: str, sums: dict[str, str], noted: Record) -> tuple[Record, list[str], list[str]]:
    """What can be noted now, the files that were read for it, and what is wrong."""
    record: Record = {}
    read = []
    files, missing = expected(folder, sums)
    wrong = [f"{name} is missing" for name in missing]
    for one in files:
        path = os.path.join(folder, one.name)
        status = os.stat(path)
        state = [status.st_size, status.st_mtime_ns, one.sha256]
        if noted.get(one.name) != state:
            read.append(one.name)
            trouble = checked(path, one)[1]
            if trouble:
                wrong.append(f"{one.name}: {trouble}")
                continue
        record[one.name] = state
    return record, read, wrong


def digest_of(folder: str, sums: dict[str, str]) -> str:
    """By the checksums where there are some, otherwise by the configuration and the sizes."""
    if sums:
        return tree_digest(sums)
    names = [name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name))]
    return tree_digest({**{name: str(os.path.getsize(os.path.join(folder, name))) for name in names}, "config": digest(os.path.join(folder, "config.json"))})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "record": {"type": "path", "required": True},
            "verify": {"type": "str", "choices": ["new", "all"], "default": "new"},
        },
        supports_check_mode=True,
    )
    folder, record_path = module.params["path"], module.params["record"]
    if not os.path.isdir(folder):
        module.fail_json(msg=f"model_path: there is no folder {folder}; carry the model there, or choose another model_source", path=folder, wrong=[])
    try:
        by, sums = brought_sums(folder)
    except (ValueError, OSError) as error:
        module.fail_json(msg=f"{error}. Mend or remove it; without {SUMS} the files are held against what they say of themselves", path=folder, wrong=[])
        raise AssertionError("fail_json returned") from error
    noted = read_record(record_path, folder)
    record, read, wrong = compare(folder, sums, {} if module.params["verify"] == "all" else noted)
    wrong += structure(folder)
    if wrong:
        shown = "; ".join(wrong[:10]) + (" ..." if len(wrong) > 10 else "")
        module.fail_json(msg=f"{folder} is not a whole model: {shown}. Carry these files there again; nothing was changed", path=folder, wrong=wrong)
    changed = record != noted
    if changed and not module.check_mode:
        os.makedirs(os.path.dirname(record_path), exist_ok=True)
        write_file(record_path, json.dumps({"path": folder, "files": record}, indent=1).encode(), 0o644)
    module.exit_json(changed=changed, path=folder, verified_by=by or "structure", checked=read, digest=digest_of(folder, sums))


if __name__ == "__main__":
    main()
