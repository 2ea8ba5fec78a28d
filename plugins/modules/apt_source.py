# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_source
short_description: Add a package repository to apt once its signing key has the expected fingerprint
version_added: 0.1.0
description:
  - Fetches the key, computes its fingerprint here, and writes the key and a source entry that trusts this key alone. No other program is needed for it.
  - A key with another fingerprint is refused before anything is written.
  - Where apt has an entry for the same address already, whoever wrote it, it stays as it is, because two entries with different keys stop apt.
attributes:
  check_mode:
    support: full
    description: Nothing is fetched or written.
  diff_mode:
    support: full
    description: Shows the source entry.
  idempotent:
    support: full
    description: A key and an entry that are as wanted are only read.
options:
  name:
    description: Name of the files, without an ending.
    type: str
    required: true
  state:
    description: Whether the source is there. With V(absent) only the files of this O(name) go.
    type: str
    choices: [present, absent]
    default: present
  url:
    description: Address of the repository.
    type: str
  suite:
    description: Suite. V(/) for a repository without suites.
    type: str
    default: /
  components:
    description: Components. None for a repository without suites.
    type: list
    elements: str
    default: []
  key_url:
    description: Where the key is, armoured or not.
    type: str
  fingerprint:
    description: Fingerprint that the key must have. Spaces and case do not count.
    type: str
  keyring:
    description: Where to put the key. Without it, below C(/usr/share/keyrings) under O(name).
    type: path
  sources_dir:
    description: Where apt looks for source entries.
    type: path
    default: /etc/apt/sources.list.d
seealso:
  - module: ansible.builtin.deb822_repository
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: NVIDIA's repository
  inferhost.llm.apt_source:
    name: inferhost-nvidia
    url: https://developer.download.nvidia.com/compute/cuda/repos/debian12/x86_64/
    key_url: https://developer.download.nvidia.com/compute/cuda/repos/debian12/x86_64/3bf863cc.pub
    fingerprint: EB69 3B30 35CD 5710 E231  E123 A4B4 6996 3BF8 63CC
"""

RETURN = r"""
entry:
  description: File with the source entry, also where it was there before under another name. None where there is none.
  type: str
  returned: always
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import fetch_url

from ansible_collections.inferhost.llm.plugins.module_utils._apt._openpgp import NotAKey, dearmoured, fingerprints
from ansible_collections.inferhost.llm.plugins.module_utils._tree import write_file

# A key is a few kilobytes.
MAX_KEY_BYTES = 1 << 20


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _entry_for(url: str, sources_dir: str) -> t.Optional[str]:
    """File with an entry for the address, commented lines aside."""
    folder = sources_dir.rstrip("/")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        names = []
    paths = [os.path.join(os.path.dirname(folder), "sources.list"), *(os.path.join(folder, name) for name in names if name.endswith((".list", ".sources")))]
    for path in paths:
        lines = (line.strip() for line in _read(path).decode("utf-8", "replace").splitlines())
        if any(url.rstrip("/") in (word.rstrip("/") for word in line.split()) for line in lines if not line.startswith("#")):
            return path
    return None


def _has_key(content: bytes, fingerprint: str) -> bool:
    try:
        return fingerprints(content) == [fingerprint]
    except NotAKey:
        return False


def _fetch_key(module: AnsibleModule, url: str, fingerprint: str) -> bytes:
    """The key in its binary form; fails for any other than the expected one."""
    response, info = fetch_url(module, url, timeout=30)
    if info["status"] != 200:
        module.fail_json(msg="the signing key %s could not be fetched: %s; nothing was changed" % (url, info["msg"]))
    content = response.read(MAX_KEY_BYTES)
    try:
        found = fingerprints(content)
    except NotAKey as error:
        module.fail_json(msg="%s is no signing key: %s; nothing was changed" % (url, error))
    if found != [fingerprint]:
        module.fail_json(
            msg="the key at %s has the fingerprint %s and not %s; it is not trusted, and nothing was changed" % (url, ", ".join(found), fingerprint)
        )
    return dearmoured(content)


def _line(params: t.Mapping[str, t.Any], keyring: str) -> str:
    return " ".join(["deb", "[signed-by=%s]" % keyring, params["url"], params["suite"], *params["components"]]) + "\n"


def _present(module: AnsibleModule, path: str, keyring: str) -> None:
    params = module.params
    wanted = _line(params, keyring)
    before = _read(path).decode("utf-8", "replace")
    fingerprint = "".join(params["fingerprint"].split()).upper()
    there = _entry_for(params["url"], params["sources_dir"])
    if there is not None and there != path:
        module.exit_json(changed=False, entry=there)
    key_is_there = _has_key(_read(keyring), fingerprint)
    changed = before != wanted or not key_is_there
    if changed and not module.check_mode:
        if not key_is_there:
            write_file(keyring, _fetch_key(module, params["key_url"], fingerprint), 0o644)
        write_file(path, wanted.encode(), 0o644)
    module.exit_json(changed=changed, entry=path, diff={"before": before, "after": wanted, "before_header": path, "after_header": path})


def _absent(module: AnsibleModule, path: str, keyring: str) -> None:
    there = [name for name in (path, keyring) if os.path.exists(name)]
    before = _read(path).decode("utf-8", "replace")
    if not module.check_mode:
        for name in there:
            os.unlink(name)
    module.exit_json(changed=bool(there), entry=None, diff={"before": before, "after": "", "before_header": path, "after_header": path})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "url": {"type": "str"},
            "suite": {"type": "str", "default": "/"},
            "components": {"type": "list", "elements": "str", "default": []},
            "key_url": {"type": "str", "no_log": False},
            "fingerprint": {"type": "str"},
            "keyring": {"type": "path"},
            "sources_dir": {"type": "path", "default": "/etc/apt/sources.list.d"},
        },
        required_if=[("state", "present", ["url", "key_url", "fingerprint"])],
        supports_check_mode=True,
    )
    params = module.params
    path = os.path.join(params["sources_dir"], params["name"] + ".list")
    keyring = params["keyring"] or "/usr/share/keyrings/%s.gpg" % params["name"]
    {"present": _present, "absent": _absent}[params["state"]](module, path, keyring)


if __name__ == "__main__":
    main()
