# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_keys
short_description: Keep the digests of clients' keys, and rotate the keys
version_added: 0.1.0
description:
  - Writes for each key a file with its SHA-256, which is all that the proxy needs to check it. The keys themselves stay where they are.
  - A plain SHA-256 is enough for random keys of 256 bits or more, as M(inferhost.llm.secret_files) makes them; a weak key that a person chose could be
    guessed from it, so the files are closed to others.
  - Rotates keys on request. The new key is written first, then the digests of both, then the new key takes the old one's place. An interruption between
    any two of these loses nothing, and the next run, with or without O(rotate), completes it.
author: inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: Says what would be rotated and written.
  diff_mode:
    support: none
    description: A difference would show digests of keys.
  idempotent:
    support: partial
    description: Without O(rotate), what is there is only read, until an earlier key has ended. Each rotation makes new keys.
options:
  secrets:
    description: Folder of the keys. It must exist.
    type: path
    required: true
  digests:
    description: Folder of the digests, one file a label. It is made.
    type: path
    required: true
  keys:
    description: File names below O(secrets) by label.
    type: dict
    required: true
  rotate:
    description: Labels whose keys are replaced by new ones.
    type: list
    elements: str
    default: []
  overlap_seconds:
    description: So long at most the replaced key, and those that earlier rotations left valid, stay valid beside the new one.
    type: int
    default: 0
  group:
    description: Group that may read the digests. Unset, their owner alone may.
    type: str
"""

EXAMPLES = r"""
- name: Digests of the clients' keys
  inferhost.llm.client_keys:
    secrets: /opt/inferhost/etc/secrets
    digests: /opt/inferhost/etc/keys
    keys: {main: api_key, alice: proxy_key_alice}
    group: inferhost

- name: A new key for alice, while her old one is valid for another day
  inferhost.llm.client_keys:
    secrets: /opt/inferhost/etc/secrets
    digests: /opt/inferhost/etc/keys
    keys: {main: api_key, alice: proxy_key_alice}
    rotate: [alice]
    overlap_seconds: 86400
    group: inferhost
"""

RETURN = r"""
rotated:
  description: Labels whose keys were replaced.
  type: list
  elements: str
  returned: success
written:
  description: Labels whose digests were written.
  type: list
  elements: str
  returned: success
digest:
  description: SHA-256 over all digests; another one means that the proxy has to read them again. Empty while a key is not made yet.
  type: str
  returned: success
"""

import grp
import hashlib
import os
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils import _client_keys
from ansible_collections.inferhost.llm.plugins.module_utils._secret import MODE, new_secret
from ansible_collections.inferhost.llm.plugins.module_utils._tree import write_file

PREFIX = "sk-"


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return b""


def _close(path: str, mode: int, group: int) -> bool:
    """Give a path its mode and group; whether they were others."""
    status = os.stat(path)
    if group not in (-1, status.st_gid):
        os.chown(path, -1, group)
    if status.st_mode & 0o7777 != mode:
        os.chmod(path, mode)
    return status.st_mode & 0o7777 != mode or group not in (-1, status.st_gid)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "secrets": {"type": "path", "required": True, "no_log": False},
            "digests": {"type": "path", "required": True},
            "keys": {"type": "dict", "required": True, "no_log": False},
            "rotate": {"type": "list", "elements": "str", "default": []},
            "overlap_seconds": {"type": "int", "default": 0},
            "group": {"type": "str"},
        },
        supports_check_mode=True,
    )
    params = module.params
    unknown = sorted(set(params["rotate"]) - set(params["keys"]))
    if unknown:
        module.fail_json(msg=f"there is no key {', '.join(unknown)} to rotate; there are: {', '.join(sorted(params['keys']))}")
    try:
        group = grp.getgrnam(params["group"]).gr_gid if params["group"] else -1
    except KeyError:
        # In check mode on a fresh host the account is not made yet.
        if not module.check_mode:
            module.fail_json(msg=f"there is no group {params['group']} on this host")
        group = -1
    folder_mode, file_mode = (0o750, 0o640) if params["group"] else (0o700, 0o600)
    changed = not os.path.isdir(params["digests"])
    if not module.check_mode:
        os.makedirs(params["digests"], mode=folder_mode, exist_ok=True)
        changed = _close(params["digests"], folder_mode, group) or changed
    replaced, written, content, complete = [], [], hashlib.sha256(), True
    now = time.time()
    for label, name in sorted(params["keys"].items()):
        secret, digests = os.path.join(params["secrets"], name), os.path.join(params["digests"], label)
        pending = f"{secret}.next"
        current = _read(secret)
        if not current:
            if not module.check_mode:
                module.fail_json(msg=f"{secret} is missing or empty; the role inferhost.llm.proxy makes it")
            complete = False
            continue
        upcoming = _read(pending)
        if label in params["rotate"] and not upcoming:
            upcoming = new_secret(PREFIX if current.startswith(PREFIX.encode("ascii")) else "")
            if not module.check_mode:
                write_file(pending, upcoming, MODE)
        kept = present = _read(digests).decode("ascii").splitlines()
        if label in params["rotate"]:
            # Of keys from earlier rotations too: one that leaked ends when it is wished.
            kept = _client_keys.ended_by(present, now + params["overlap_seconds"])
        if upcoming:
            wanted = _client_keys.rotated(_client_keys.digest(upcoming), _client_keys.digest(current), kept, now, params["overlap_seconds"])
            replaced.append(label)
        else:
            wanted = _client_keys.lines(_client_keys.digest(current), present, now)
        text = "".join(f"{line}\n" for line in wanted)
        if wanted != present:
            written.append(label)
            if not module.check_mode:
                write_file(digests, text.encode("ascii"), file_mode)
        if not module.check_mode:
            changed = _close(digests, file_mode, group) or changed
            if upcoming:
                os.replace(pending, secret)
        content.update(f"{label}\0{text}".encode())
    module.exit_json(
        changed=bool(changed or replaced or written),
        rotated=replaced,
        written=written,
        digest=content.hexdigest() if complete else "",
    )


if __name__ == "__main__":
    main()
