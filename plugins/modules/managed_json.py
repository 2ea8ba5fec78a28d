# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: managed_json
short_description: Settings inside a JSON file that belongs to somebody else
version_added: 0.1.0
description:
  - Puts settings into a JSON file without overwriting anything that its owner wrote, and takes exactly those settings out again.
  - What was written is remembered in O(record). A setting that the owner changed afterwards is the owner's from then on.
  - Missing folders above both files are made, for the owner alone unless O(mode) says otherwise, and removed again when they are empty.
author: inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: Says what would change.
  diff_mode:
    support: full
    description: Shows only the settings in O(content), never the rest of the file.
  idempotent:
    support: full
    description: A file that holds the settings is only read.
options:
  path:
    description: The JSON file. Comments in it are refused, since they would be lost.
    type: path
    required: true
  record:
    description: File that remembers what was written.
    type: path
    required: true
  content:
    description: Settings to put in. Needed with O(state=present).
    type: dict
    default: {}
  state:
    description: Whether the settings are in the file.
    type: str
    choices: [present, absent]
    default: present
  backup:
    description:
      - Keep a copy of the file as it was before the first change.
      - With O(state=absent) it goes again if the file is then what it was.
    type: bool
    default: true
  owner:
    description: Owner of what has to be made.
    type: str
  group:
    description: Group of what has to be made.
    type: str
  mode:
    description:
      - Permissions of files that have to be made, as an octal number. Folders may then also be entered by whoever may read.
    type: str
    default: "0600"
"""

EXAMPLES = r"""
- name: The endpoint in the settings of OpenCode
  inferhost.llm.managed_json:
    path: /home/ada/.config/opencode/opencode.json
    record: /home/ada/.config/inferhost/opencode.record.json
    content:
      provider:
        inferhost:
          npm: "@ai-sdk/openai-compatible"

- name: Take it out again
  inferhost.llm.managed_json:
    path: /home/ada/.config/opencode/opencode.json
    record: /home/ada/.config/inferhost/opencode.record.json
    state: absent
"""

RETURN = r"""
kept:
  description: Settings that were left as the owner has them, with dots between the keys.
  type: list
  elements: str
  returned: always
backup_file:
  description: Copy of the file as it was.
  type: str
  returned: when one was made
"""

import json
import os
import tempfile
from typing import Any, cast

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils import _json_merge as merging


def _read(module: AnsibleModule, path: str) -> dict[str, Any]:
    """The object in a file; an absent or empty file is an empty object."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    if not text.strip():
        return {}
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        module.fail_json(msg=f"{path} is not plain JSON ({error}), so it was left alone. Remove comments and trailing commas, or add the settings by hand.")
    if not isinstance(document, dict):
        module.fail_json(msg=f"{path} holds a {type(document).__name__} where an object is expected, so it was left alone.")
    return cast("dict[str, Any]", document)


def _missing_folders(path: str) -> list[str]:
    """Folders above a path that are not there, outermost first."""
    folder = os.path.dirname(path)
    missing: list[str] = []
    while folder and not os.path.isdir(folder):
        missing.insert(0, folder)
        folder = os.path.dirname(folder)
    return missing


def _give(module: AnsibleModule, path: str, mode: int) -> None:
    os.chmod(path, mode)
    module.set_owner_if_different(path, module.params["owner"], False)
    module.set_group_if_different(path, module.params["group"], False)


def _mode(module: AnsibleModule, folder: bool = False) -> int:
    """Of a file, or of a folder, which those who may read may enter."""
    mode = int(module.params["mode"], 8)
    return mode | (mode & 0o444) >> 2 if folder else mode


def _write(module: AnsibleModule, path: str, document: dict[str, Any]) -> None:
    new = not os.path.exists(path)
    handle, partial = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    module.atomic_move(partial, path)
    if new:
        _give(module, path, _mode(module))


def _remove_empty(folders: list[str]) -> None:
    for folder in reversed(folders):
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)


def _shown(document: dict[str, Any], paths: list[merging.Path]) -> str:
    """The given leaves of a document, so that a difference shows nothing else of it."""
    every = merging.leaves(document)
    return "".join(f"{'.'.join(path)}: {json.dumps(every[path])}\n" for path in paths if path in every)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "record": {"type": "path", "required": True},
            "content": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "backup": {"type": "bool", "default": True},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "str", "default": "0600"},
        },
        supports_check_mode=True,
    )
    path, record_path = module.params["path"], module.params["record"]
    if not module.params["mode"].isdigit() or set(module.params["mode"]) & {"8", "9"}:
        module.fail_json(msg=f"mode: {module.params['mode']} is no octal number")
    before, record = _read(module, path), _read(module, record_path)
    ours = merging.Ours.from_record(record)
    existed = os.path.exists(path)

    if module.params["state"] == "present":
        merged = merging.merge(before, module.params["content"], ours)
        after = merged.document
        folders = [*record.get("folders", []), *_missing_folders(path), *_missing_folders(record_path)]
        wanted_record: dict[str, Any] = {
            "made": record.get("made", not existed),
            "backup": record.get("backup"),
            "folders": sorted(set(folders)),
            **merged.ours.to_record(),
        }
        kept = [".".join(leaf) for leaf in merged.kept]
        touched = sorted({*ours.leaves, *merged.ours.leaves})
    else:
        after, wanted_record, kept, touched = merging.remove(before, ours), {}, [], sorted(ours.leaves)

    drop = module.params["state"] == "absent" and existed and bool(record.get("made")) and after == {}
    result: dict[str, Any] = {
        "changed": after != before or wanted_record != record or drop,
        "kept": kept,
        "diff": {"before": _shown(before, touched), "after": _shown(after, touched), "before_header": path, "after_header": path},
    }
    if result["changed"] and not module.check_mode:
        if module.params["backup"] and existed and not record and after != before:
            result["backup_file"] = wanted_record["backup"] = module.backup_local(path)
        for folder in wanted_record.get("folders", []):
            if not os.path.isdir(folder):
                os.mkdir(folder)
                _give(module, folder, _mode(module, folder=True))
        if drop:
            os.unlink(path)
        elif after != before:
            _write(module, path, after)
        if wanted_record:
            _write(module, record_path, wanted_record)
        elif os.path.exists(record_path):
            os.unlink(record_path)
            backup = record.get("backup")
            # The copy has served when the file is again what it was before.
            if backup and os.path.exists(backup) and _read(module, backup) == after:
                os.unlink(backup)
            _remove_empty(record.get("folders", []))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
