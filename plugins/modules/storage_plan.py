# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_plan
short_description: Decide how the storage below a folder grows, layer by layer
version_added: 0.1.0
description:
  - Follows a filesystem down to its disks (filesystem, logical volume, volume group, physical volume, partition, disk) and says which layers are smaller
    than what is below them allows, in the order in which they are grown online, each with its command and its sizes.
  - Every layer is judged by its own size. What an interrupted run left half done is therefore simply what is left to do.
  - What cannot be grown safely gets a RV(refusal) that says what was seen and what to do. That does not fail the module, nor does having nothing to grow.
  - Nothing is grown, and nothing is ever made smaller.
  - Without root LVM gives no reports and the size of an ext4 filesystem is only known roughly; RV(notes) says so.
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  path:
    description:
      - A mount point, or a folder on the filesystem in question. It need not exist.
    type: path
    default: /
  target:
    description:
      - How large the logical volume shall be; without LVM, the partition.
      - V(all_free) takes what is free in the volume group and directly behind the partition.
      - A percentage, such as V(80%), is of the volume group with all that it can gain; without LVM, of the disk.
      - A size is in bytes, or with C(K), C(M), C(G), C(T), which are binary.
      - A target below what is there leaves it as it is, one beyond what can be had is met as far as possible. Both are noted.
    type: str
    default: all_free
  reserve_bytes:
    description:
      - Bytes that stay free in the volume group. Without one there is nothing to keep them in.
    type: int
    default: 0
  bytes_needed:
    description:
      - Bytes that shall be written below O(path). RV(free.enough) then says whether what is free and what growth would give suffice.
    type: int
  proc_root:
    description:
      - Where procfs is mounted.
    type: path
    default: /proc
  sysfs_root:
    description:
      - Where sysfs is mounted.
    type: path
    default: /sys
seealso:
  - module: inferhost.llm.host_check
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: See what could grow below the folder of the models
  inferhost.llm.storage_plan:
    path: /opt/inferhost/models
    bytes_needed: 60000000000
  register: storage
  become: true

- name: Show it
  ansible.builtin.debug:
    msg: "{{ storage.text.splitlines() }}"

- name: Stop before a download that cannot fit
  ansible.builtin.assert:
    that: storage.free.enough
    fail_msg: "{{ storage.free.short_by_bytes }} bytes are missing. {{ storage.refusal.seen | default('') }}"

- name: Four fifths of the volume group, and 50 GiB of it kept for snapshots
  inferhost.llm.storage_plan:
    target: 80%
    reserve_bytes: 53687091200
  become: true
"""

RETURN = r"""
text:
  description: The plan for people.
  returned: always
  type: str
schema:
  description: Version of this document.
  returned: always
  type: int
  sample: 1
mount_point:
  description: Where the filesystem that holds O(path) is mounted.
  returned: always
  type: str
  sample: /
steps:
  description:
    - What to run, in this order; empty when nothing is to grow. With a RV(refusal) the steps are those that are safe nevertheless.
    - The sizes of a step are a forecast until those before it have run. Whoever plans again after each step has them exactly.
  returned: always
  type: list
  elements: dict
  contains:
    action:
      description: C(growpart), C(pvresize), C(lvextend), C(resize2fs) or C(xfs_growfs).
      type: str
    device:
      description: Device that grows, for a filesystem the one it lies on.
      type: str
      sample: /dev/sda3
    command:
      description: Program and arguments.
      type: list
      elements: str
      sample: [growpart, /dev/sda, "3"]
    before_bytes:
      description: Size now.
      type: int
    after_bytes:
      description: Size afterwards.
      type: int
    reason:
      description: Why.
      type: str
    disk:
      description: Disk of the partition, for C(growpart).
      type: str
    partition:
      description: Number of the partition, for C(growpart).
      type: int
    lv:
      description: Group and name of the volume, for C(lvextend).
      type: str
    extents:
      description: Extents that the volume has afterwards, for C(lvextend).
      type: int
    mount_point:
      description: Where the filesystem is mounted, for C(resize2fs) and C(xfs_growfs).
      type: str
chain:
  description: The layers from the filesystem to the disks, each with its name, kind and size in bytes, groups and physical volumes with what is free.
  returned: always
  type: list
  elements: dict
free:
  description: Bytes that files can use on this filesystem.
  returned: always
  type: dict
  contains:
    now_bytes:
      description: Free now, without what is kept for root.
      type: int
    growth_bytes:
      description: What the steps would add, less the share that the filesystem keeps for itself.
      type: int
    after_bytes:
      description: Both together.
      type: int
    needed_bytes:
      description: O(bytes_needed), none where it was not given.
      type: int
    enough_now:
      description: Whether what is free now suffices, none where nothing was asked for.
      type: bool
    enough:
      description: Whether it suffices after the steps, none where nothing was asked for.
      type: bool
    short_by_bytes:
      description: What is missing even then, none where nothing was asked for.
      type: int
missing:
  description: Programs of RV(steps) that are not on the host.
  returned: always
  type: list
  elements: str
  sample: [growpart]
root:
  description: Whether the module ran as root, without which no step can be carried out.
  returned: always
  type: bool
notes:
  description: What should be known, each with a C(code) and a C(message). With the code C(unread) what could not be read or run, and why.
  returned: always
  type: list
  elements: dict
refusal:
  description: Why the storage, or some of it, cannot be grown. None where nothing is in the way.
  returned: always
  type: dict
  contains:
    code:
      description: The kind of obstacle; the collection's documentation of storage lists them.
      type: str
      sample: luks
    layer:
      description: Layer that it was found in.
      type: str
    seen:
      description: What was found.
      type: str
    remedy:
      description: What a person can do.
      type: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.plugins.module_utils._storage._host import read_facts
from ansible_collections.inferhost.llm.plugins.module_utils._storage._plan import decide, parse_target
from ansible_collections.inferhost.llm.plugins.module_utils._storage._text import render
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import StorageInputError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/"},
            "target": {"type": "str", "default": "all_free"},
            "reserve_bytes": {"type": "int", "default": 0},
            "bytes_needed": {"type": "int"},
            "proc_root": {"type": "path", "default": "/proc"},
            "sysfs_root": {"type": "path", "default": "/sys"},
        },
        supports_check_mode=True,
    )
    params = module.params
    reader = Reader(sysfs_root=params["sysfs_root"], proc_root=params["proc_root"])
    try:
        wish = parse_target(params["target"])._replace(reserve=params["reserve_bytes"], needed=params["bytes_needed"])
        if wish.reserve < 0 or (wish.needed or 0) < 0:
            raise StorageInputError("reserve_bytes and bytes_needed cannot be negative")
        plan = decide(read_facts(reader, params["path"]), wish)
    except (StorageInputError, OSError) as error:
        module.fail_json(msg=str(error))
    plan["notes"] += [{"code": "unread", "message": "%(what)s: %(why)s" % row} for row in reader.unread]
    tools = {step["command"][0] for step in plan["steps"]}
    missing = sorted(tool for tool in tools if module.get_bin_path(tool) is None)
    module.exit_json(changed=False, text=render(plan), missing=missing, root=os.geteuid() == 0, **plan)


if __name__ == "__main__":
    main()
