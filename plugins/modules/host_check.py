# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_check
short_description: Whether a host has what an installation needs
version_added: 0.1.0
description:
  - Looks at ports, disk, memory, shared libraries, the service manager and the way to the package index. Changes nothing.
  - Returns what is missing as findings, each with what was seen, the cause and the fix.
author: inferhost contributors (@inferhost)
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  root:
    description: Folder that will hold everything. It need not exist.
    type: path
    required: true
  service_manager:
    description: What will run the services.
    type: str
    choices: [systemd, supervisor]
    required: true
  ports:
    description: Ports that the services will listen on.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: Name of the service.
        type: str
        required: true
      host:
        description: Address it listens on.
        type: str
        required: true
      port:
        description: Port it listens on.
        type: int
        required: true
      variable:
        description: Variable that changes the port.
        type: str
        required: true
  disk_bytes:
    description: Bytes needed below O(root), what is there already included.
    type: int
    required: true
  growth_target:
    description:
      - To what the storage below O(root) will be grown before anything is written, as O(inferhost.llm.storage_plan#module:target). Where the disk is too
        small as it is, what it gains by that counts.
      - Empty when it will not be grown. It needs root, as the growth does.
    type: str
    default: ""
  model_folder:
    description: Folder below O(root) for the model whose files O(disk_bytes) counts. What is there already need not be written again.
    type: path
  growth_reserve_bytes:
    description: Bytes that stay free in the volume group then.
    type: int
    default: 0
  memory_bytes:
    description: Bytes of memory needed, what our services hold already included.
    type: int
    required: true
  libraries:
    description: Shared libraries that the engine loads, as in the plan's C(need).
    type: list
    elements: dict
    default: []
    suboptions:
      file:
        description: Name that the loader looks for.
        type: str
        required: true
      debian:
        description: Debian package that has it.
        type: str
        required: true
  environments:
    description: Names of the environments below C(venvs). When all are there, the package index is not asked.
    type: list
    elements: str
    default: []
  index_url:
    description: Package index to ask.
    type: str
    default: https://pypi.org/simple
"""

EXAMPLES = r"""
- name: Is there room
  inferhost.llm.host_check:
    root: /opt/inferhost
    service_manager: systemd
    disk_bytes: 8589934592
    memory_bytes: 4294967296
"""

RETURN = r"""
findings:
  description: What is missing.
  type: list
  elements: dict
  returned: always
message:
  description: The findings as one text; empty when there are none.
  type: str
  returned: always
disk_growth_bytes:
  description: Bytes that the disk will gain, V(0) where it is large enough as it is.
  type: int
  returned: always
disk_wanted_bytes:
  description: Bytes of O(disk_bytes) that are still to be written.
  type: int
  returned: always
disk_free_bytes:
  description: Bytes that the user who runs this may still write on the filesystem of O(root).
  type: int
  returned: always
memory_available_bytes:
  description: MemAvailable of the host, or less where a control group limits it.
  type: int
  returned: always
"""

import ctypes
import os
import shutil
import urllib.parse

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.inferhost.llm.plugins.module_utils import _host_check
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.plugins.module_utils._listeners import command_line, listeners
from ansible_collections.inferhost.llm.plugins.module_utils._storage._host import read_facts
from ansible_collections.inferhost.llm.plugins.module_utils._storage._plan import decide, parse_target
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import StorageInputError


def existing_parent(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path) or "/"
    return path


def tree_size(folders: list[str]) -> int:
    """Bytes on disk of the files below some folders; hard links count once."""
    total = 0
    seen: set[int] = set()
    for folder in folders:
        for parent, _folders, names in os.walk(folder):
            for name in names:
                try:
                    status = os.lstat(os.path.join(parent, name))
                except OSError:
                    continue
                if status.st_ino not in seen:
                    seen.add(status.st_ino)
                    total += status.st_blocks * 512
    return total


def growth_of(root: str, target: str, reserve: int) -> int:
    """Bytes that files below a folder can gain."""
    plan = decide(read_facts(Reader(), root), parse_target(target)._replace(reserve=reserve))
    return int(plan["free"]["growth_bytes"])


def memory_available() -> int:
    with open("/proc/meminfo", encoding="ascii") as stream:
        table = dict(line.split(":", 1) for line in stream)
    available = int(table["MemAvailable"].split()[0]) * 1024
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as stream:
            limit = stream.read().strip()
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as stream:
            current = int(stream.read())
    except OSError:
        return available
    return available if limit == "max" else min(available, max(0, int(limit) - current))


def memory_of(root: str) -> int:
    """Resident bytes of the processes whose command line names our folder."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or root not in command_line(int(entry)) or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/statm", encoding="ascii") as stream:
                total += int(stream.read().split()[1]) * page
        except OSError:
            continue
    return total


def index_error(url: str) -> str | None:
    """None when the index answers at all; its status does not matter, a mirror may forbid its root."""
    address = url.rstrip("/") + "/uv/"
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        return "not an http or https address"
    try:
        open_url(address, method="HEAD", timeout=20, headers={"Accept": "text/html"}).close()
    except OSError as error:
        return None if getattr(error, "code", None) in (403, 404, 405) else str(error)
    return None


def loadable(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "service_manager": {"type": "str", "choices": ["systemd", "supervisor"], "required": True},
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "service": {"type": "str", "required": True},
                    "host": {"type": "str", "required": True},
                    "port": {"type": "int", "required": True},
                    "variable": {"type": "str", "required": True},
                },
            },
            "libraries": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"file": {"type": "str", "required": True}, "debian": {"type": "str", "required": True}},
            },
            "disk_bytes": {"type": "int", "required": True},
            "model_folder": {"type": "path"},
            "growth_target": {"type": "str", "default": ""},
            "growth_reserve_bytes": {"type": "int", "default": 0},
            "memory_bytes": {"type": "int", "required": True},
            "environments": {"type": "list", "elements": "str", "default": []},
            "index_url": {"type": "str", "default": "https://pypi.org/simple"},
        },
        supports_check_mode=True,
    )
    params = module.params
    root = params["root"].rstrip("/")
    status = os.statvfs(existing_parent(root))
    disk_free = status.f_bavail * status.f_frsize
    present = tree_size([os.path.join(root, "venvs"), *([params["model_folder"]] if params["model_folder"] else [])])
    available = memory_available()
    with open("/proc/1/comm", encoding="ascii") as stream:
        pid1 = stream.read().strip()
    complete = all(os.path.isfile(os.path.join(root, "venvs", name, "bin", "python")) for name in params["environments"])

    findings = _host_check.manager_findings(params["service_manager"], pid1, os.geteuid(), f"{root}/run/supervisor.sock")
    findings += _host_check.port_findings(params["ports"], listeners(), root)
    need = {"disk_bytes": params["disk_bytes"], "memory_bytes": params["memory_bytes"]}
    wanted = max(0, params["disk_bytes"] - present)
    short = wanted > disk_free
    try:
        growth = growth_of(root, params["growth_target"], params["growth_reserve_bytes"]) if short and params["growth_target"] and os.geteuid() == 0 else 0
    except StorageInputError as error:
        module.fail_json(msg=f"growth_{error}")
    findings += _host_check.space_findings(root, need, disk_free, present, available, memory_of(root), growth)
    missing = [row for row in params["libraries"] if not loadable(row["file"])]
    findings += _host_check.library_findings(missing, can_install=os.geteuid() == 0 and shutil.which("apt-get") is not None)
    if not complete:
        findings += _host_check.network_findings(params["index_url"], index_error(params["index_url"]))
    message = " || ".join(f"{row['title']}: {row['seen']}. Fix: {row['fix']}" for row in findings)
    module.exit_json(
        changed=False,
        findings=findings,
        message=message,
        disk_free_bytes=disk_free,
        disk_growth_bytes=growth,
        disk_wanted_bytes=wanted,
        memory_available_bytes=available,
    )


if __name__ == "__main__":
    main()
