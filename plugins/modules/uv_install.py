# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: uv_install
short_description: Put the pinned uv binary on a host
version_added: 0.1.0
description:
  - Fetches one wheel of C(uv) from a Python package index or from a folder of wheels, checks its SHA-256 and unpacks the binary.
  - Needs neither pip nor the venv module, which a fresh Debian or Ubuntu host does not have.
author: inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: Says whether the binary would be installed, without any request.
  diff_mode:
    support: none
    description: There is no text to compare.
  idempotent:
    support: full
    description: A binary whose recorded wheel digest is the wanted one is left alone.
options:
  dest:
    description: Path of the binary.
    type: path
    required: true
  version:
    description: Version to install.
    type: str
    required: true
  wheels:
    description: SHA-256 of the wheel by machine architecture as C(uname -m) prints it.
    type: dict
    required: true
  index_url:
    description: Root of a simple package index (PEP 503).
    type: str
    default: https://pypi.org/simple
  find_links:
    description: Folders that may hold the wheel; looked at before the index.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Put uv on the host
  inferhost.llm.uv_install:
    dest: /opt/inferhost/bin/uv
    version: 0.13.8
    wheels:
      x86_64: e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984
"""

RETURN = r"""
path:
  description: Where the binary is.
  type: str
  returned: always
source:
  description: Address or folder the wheel came from; empty when nothing was fetched.
  type: str
  returned: success
"""

import hashlib
import io
import os
import platform
import tempfile
import zipfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.inferhost.llm.plugins.module_utils._simple_index import IndexMiss, wheel_link


def _from_folders(folders: list[str], digest: str) -> tuple[bytes, str] | None:
    for folder in folders:
        if not os.path.isdir(folder):
            continue
        for name in sorted(os.listdir(folder)):
            if name.startswith("uv-") and name.endswith(".whl"):
                path = os.path.join(folder, name)
                with open(path, "rb") as stream:
                    content = stream.read()
                if hashlib.sha256(content).hexdigest() == digest:
                    return content, path
    return None


def _from_index(index_url: str, digest: str) -> tuple[bytes, str]:
    page_url = index_url.rstrip("/") + "/uv/"
    page = open_url(page_url, timeout=60, headers={"Accept": "text/html"}).read().decode("utf-8", "replace")
    link = wheel_link(page, page_url, digest)
    return open_url(link, timeout=300).read(), link


def _unpack(wheel: bytes, version: str, dest: str) -> None:
    member = f"uv-{version}.data/scripts/uv"
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        binary = archive.read(member)
    os.makedirs(os.path.dirname(dest), mode=0o755, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=os.path.dirname(dest))
    with os.fdopen(handle, "wb") as stream:
        stream.write(binary)
    os.chmod(partial, 0o755)
    os.replace(partial, dest)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "wheels": {"type": "dict", "required": True},
            "index_url": {"type": "str", "default": "https://pypi.org/simple"},
            "find_links": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    dest = module.params["dest"]
    version = module.params["version"]
    machine = platform.machine()
    digest = module.params["wheels"].get(machine)
    if digest is None:
        known = ", ".join(sorted(module.params["wheels"]))
        module.fail_json(msg=f"no uv wheel is pinned for this machine's architecture {machine!r} (pinned: {known})", path=dest)

    stamp = dest + ".sha256"
    if os.path.isfile(dest) and os.path.isfile(stamp):
        with open(stamp, encoding="ascii") as stream:
            recorded = stream.read().split()
        if recorded == [digest, str(os.path.getsize(dest))]:
            module.exit_json(changed=False, path=dest, source="")
    if module.check_mode:
        module.exit_json(changed=True, path=dest, source="")

    try:
        wheel, source = _from_folders(module.params["find_links"], digest) or _from_index(module.params["index_url"], digest)
    except (OSError, IndexMiss) as error:
        module.fail_json(
            msg=(
                f"uv {version} could not be fetched from {module.params['index_url']}: {error}. "
                "Give the host a way to a Python package index (inferhost_index_url), or a folder with the wheel (inferhost_find_links)."
            ),
            path=dest,
        )
    seen = hashlib.sha256(wheel).hexdigest()
    if seen != digest:
        module.fail_json(msg=f"{source} has SHA-256 {seen}, expected {digest}; nothing was installed", path=dest)
    _unpack(wheel, version, dest)
    with open(stamp, "w", encoding="ascii") as stream:
        stream.write(f"{digest} {os.path.getsize(dest)}\n")
    module.exit_json(changed=True, path=dest, source=source)


if __name__ == "__main__":
    main()
