# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: driver_plan
short_description: Decide which NVIDIA driver a host gets, from which source and with which packages
version_added: 0.1.0
description:
  - Looks at the cards, the distribution, the kernels and the installed packages, and says which branch of the driver and which flavour of the kernel module
    the host needs, what to install in which order, what to remove by name, what to hold, and whether a reboot follows.
  - A host that cannot get a working driver gets a RV(plan.refusal) that says why and what would help. That does not fail the module.
  - Nothing is installed, removed or downloaded.
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  source:
    description:
      - Where the driver comes from. V(cuda_repo) is NVIDIA's own package repository, V(distribution) the archive of Ubuntu or Debian.
      - With V(auto) the first of the two that can serve the host.
    type: str
    choices: [cuda_repo, distribution, auto]
    default: cuda_repo
  branch:
    description:
      - Branch of the driver, such as V(580). With V(auto) the long-term branch, or the production branch where all cards are Blackwell.
    type: str
    default: auto
  flavour:
    description:
      - Kernel module. With V(auto) the open one wherever the cards and the branch allow it.
      - A flavour that cannot drive the cards is refused.
    type: str
    choices: [auto, open, closed]
    default: auto
  profile:
    description:
      - How much of the driver. V(compute) is what CUDA needs, without anything for a screen. V(full) is for a host whose screen hangs on the card.
    type: str
    choices: [compute, full]
    default: compute
  cuda_major:
    description:
      - Major version of CUDA that the programs on the host are built for. A driver that is too old for it is refused. With V(0) it does not matter.
    type: int
    default: 0
  nvswitch:
    description:
      - Whether the cards hang on NVSwitches, which need the fabric manager. With V(auto) what the host shows.
      - The switches of NVLink 5 are not on the PCI bus. They show only through a network adapter whose driver is loaded.
    type: str
    choices: [auto, present, absent]
    default: auto
  mok_enrolled:
    description:
      - Whether the key that DKMS signs with is enrolled in the firmware. Otherwise a module that is built on the host is refused where Secure Boot is on.
    type: bool
    default: false
  dpkg_query:
    description:
      - Path or name of the C(dpkg-query) to ask.
    type: str
    default: dpkg-query
  etc_root:
    description:
      - Where C(os-release) is.
    type: path
    default: /etc
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
  - module: inferhost.llm.gpu_info
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: See what the host would get
  inferhost.llm.driver_plan:
    cuda_major: 13
  register: driver

- name: Show it
  ansible.builtin.debug:
    msg: "{{ driver.text.splitlines() }}"

- name: Stop where there is no driver that works
  ansible.builtin.assert:
    that: driver.plan.refusal is none
    fail_msg: "{{ driver.plan.refusal.message }}"

- name: See what the distribution's own archive would give, with its signed modules
  inferhost.llm.driver_plan:
    source: distribution
"""

RETURN = r"""
text:
  description: The plan for people.
  returned: always
  type: str
plan:
  description: The plan. Names of packages are exact; nothing in it is a pattern but the limits in RV(plan.apt) and RV(plan.unattended_upgrades).
  returned: always
  type: dict
  contains:
    schema:
      description: Version of this document.
      type: int
      sample: 1
    state:
      description:
        - C(change) where there is something to do, C(ready) where all of it is installed, C(nothing_to_do) without an NVIDIA card,
          C(refused) with RV(plan.refusal).
      type: str
      sample: change
    host:
      description: Distribution, release, architecture and running kernel that the plan is for.
      type: dict
    gpus:
      description: The cards, each kind once with its number.
      type: list
      elements: dict
    decisions:
      description:
        - What was decided and why. C(evidence) says how well the fact behind it is known. C(read) is a page of the publisher, C(seen) public files of
          other people, C(known) common knowledge or the user's own wish.
      type: list
      elements: dict
    source:
      description: Source of the packages, none where there is no plan.
      type: str
    branch:
      description: Branch of the driver.
      type: str
      sample: "580"
    flavour:
      description: Kernel module, C(open) or C(closed).
      type: str
    profile:
      description: How much of the driver.
      type: str
    modules:
      description: Whether the module is built on the host (C(dkms)) or comes signed from the distribution (C(prebuilt)).
      type: str
    repository:
      description:
        - NVIDIA's repository for the release, none for other sources.
      type: dict
      contains:
        name:
          description: Folder of the release.
          type: str
          sample: debian13
        url:
          description: Where the packages are.
          type: str
        suite:
          description: Suite, as a source entry of apt names it.
          type: str
          sample: /
        keyring_url:
          description: Package that brings the key and the source entry.
          type: str
        keyring_path:
          description: Where that package puts the key.
          type: str
        keyring_sha256:
          description: SHA-256 of that package, none where nobody has found it. Whoever installs it then has to give one, or check the key.
          type: str
        key_url:
          description: The key alone, none where its name is not known.
          type: str
        key_fingerprint:
          description: Fingerprint that this key must have, none where it is not known.
          type: str
        evidence:
          description: How well the key is known.
          type: dict
    apt:
      description: Components of the distribution's archive, preferences, and whether apt must be allowed to go back to an older version.
      type: dict
    kernel_packages:
      description: Headers or prebuilt modules for each kernel. Those that are not C(required) are for old kernels and may be gone from the archive.
      type: list
      elements: dict
    steps:
      description: Transactions in their order, each with what to install, what to install if it can be had, and what to remove.
      type: list
      elements: dict
    install:
      description: What the driver consists of, the installed version of each package, and whether its name was read at its publisher.
      type: list
      elements: dict
    remove:
      description: Installed packages of other branches, flavours and sources, each with its reason.
      type: list
      elements: dict
    keep:
      description: Installed packages that belong to the driver already, or that apt moves to it.
      type: list
      elements: dict
    holds:
      description: Packages to hold afterwards, each with its reason.
      type: list
      elements: dict
    unhold:
      description: Packages that are held now and that the plan touches.
      type: list
      elements: str
    unattended_upgrades:
      description: Patterns for the blacklist of unattended-upgrades.
      type: dict
    module_blacklist:
      description: Kernel modules that must not be loaded.
      type: list
      elements: str
    services:
      description: Services that must run.
      type: list
      elements: str
    reboot:
      description: Whether a reboot is needed, and why.
      type: dict
    expect:
      description: What the host must show afterwards.
      type: dict
    warnings:
      description: What works but should be known.
      type: list
      elements: dict
    refusal:
      description: Why there is no driver that works, and what would help. None where there is one.
      type: dict
"""

import datetime
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._driver._host import Unreadable, read_host
from ansible_collections.inferhost.llm.plugins.module_utils._driver._plan import decide
from ansible_collections.inferhost.llm.plugins.module_utils._driver._text import render
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import Card, DriverInputError, Wishes
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _info as gpu_info
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._pci import read_devices

NVSWITCH: t.Dict[str, t.Optional[bool]] = {"present": True, "absent": False}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "choices": ["cuda_repo", "distribution", "auto"], "default": "cuda_repo"},
            "branch": {"type": "str", "default": "auto"},
            "flavour": {"type": "str", "choices": ["auto", "open", "closed"], "default": "auto"},
            "profile": {"type": "str", "choices": ["compute", "full"], "default": "compute"},
            "cuda_major": {"type": "int", "default": 0},
            "nvswitch": {"type": "str", "choices": ["auto", "present", "absent"], "default": "auto"},
            "mok_enrolled": {"type": "bool", "default": False},
            "dpkg_query": {"type": "str", "default": "dpkg-query"},
            "etc_root": {"type": "path", "default": "/etc"},
            "proc_root": {"type": "path", "default": "/proc"},
            "sysfs_root": {"type": "path", "default": "/sys"},
        },
        supports_check_mode=True,
    )
    params = module.params
    devices = read_devices(params["sysfs_root"])
    cards = [Card(gpu["name"], gpu["compute_capability"], gpu["open_module"], gpu["driver"]) for gpu in gpu_info.gpus(devices, {}, None)]
    wishes = Wishes(
        source=params["source"],
        branch=params["branch"],
        flavour=params["flavour"],
        profile=params["profile"],
        cuda_major=params["cuda_major"],
        today=datetime.date.today().strftime("%Y-%m"),
    )
    roots = {"etc": params["etc_root"], "proc": params["proc_root"], "sys": params["sysfs_root"]}
    try:
        host = read_host(devices, cards, params["dpkg_query"], roots, params["mok_enrolled"])
        if params["nvswitch"] != "auto":
            host = host._replace(nvswitch=NVSWITCH[params["nvswitch"]])
        plan = decide(cards, host, wishes)
    except (Unreadable, DriverInputError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, plan=plan, text=render(plan))


if __name__ == "__main__":
    main()
