# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_verify
short_description: Check that a host's GPUs are what was expected, and name why they are not
version_added: 0.1.0
description:
  - Compares the facts of M(inferhost.llm.gpu_info) with expectations. Only an expectation that was asked for can fail.
  - Where one is not met the facts are crossed, and the finding names the cause and the command that mends it.
  - A fact that could not be read makes its expectation unknown, which counts as not met.
  - That C(nvidia-smi) works is never taken as proof that CUDA does.
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  facts:
    description:
      - What M(inferhost.llm.gpu_info) returned, as it was registered. Without it the module collects the same facts itself.
    type: dict
  expect:
    description:
      - What the host has to show. Nothing is asked of what is left out, empty, or switched off.
      - The RV(inferhost.llm.driver_plan#module:expect) of a plan can be given as it is.
    type: dict
    default: {}
    suboptions:
      gpu_count:
        description: How many NVIDIA GPUs the PCI bus shows.
        type: int
        aliases: [count]
      model:
        description: Name of every card, with or without C(NVIDIA) in front. C(*), C(?) and C([...]) match as in a shell; case does not count.
        type: str
      compute_capability:
        description: Compute capability of every card.
        type: str
      min_compute_capability:
        description: Lowest compute capability of any card.
        type: str
      min_memory_bytes:
        description: Bytes of memory that every card has at least.
        type: int
      min_driver_version:
        description: Oldest version of the loaded kernel module.
        type: str
      max_driver_version:
        description: Newest version of the loaded kernel module. V(580) allows all of that branch.
        type: str
      driver_branch:
        description: Branch of the loaded kernel module.
        type: str
      open_module:
        description: Whether the loaded kernel module is the open one. With V(false) it has to be the closed one.
        type: bool
      module_licence:
        description: Licence of the kernel module, C(Dual MIT/GPL) of the open one, C(NVIDIA) of the closed one.
        type: str
      same_version:
        description:
          - Parts that have to be of the loaded module's version. V(module) is the file that would be loaded, V(user_space) the libraries of CUDA and NVML,
            V(fabric_manager) its package.
        type: list
        elements: str
        choices: [module, user_space, fabric_manager]
      cuda_init:
        description: CUDA has to start on the host and to show every card that the driver holds.
        type: bool
      cuda_major:
        description: Oldest CUDA that the driver's library may be of.
        type: int
      container_cuda_init:
        description: CUDA has to have started in a container. Needs O(container_cuda).
        type: bool
      no_new_xids:
        description: The kernel's log must have no Xid that O(baseline) has not.
        type: bool
      no_new_refusals:
        description: The same of every other complaint about a card.
        type: bool
      ecc_clean:
        description:
          - No uncorrected error of the card's memory, since the driver was loaded or ever, and no row or page replaced for one or waiting for it.
          - Unknown where ECC is off or the card has none, because then nothing counts.
        type: bool
      pcie_link:
        description:
          - Every link has to be as wide as the card's. Its speed is shown and not judged, because a card at rest lowers it.
        type: bool
      min_pcie_width:
        description: Lanes that every link has at least, for a slot that is narrower than the card.
        type: int
      persistence:
        description: Every card has to stay initialised while nothing uses it.
        type: bool
      fabric_manager:
        description: Where the board has NVSwitches, the fabric manager has to run in the driver's version.
        type: bool
      secure_boot:
        description: Whether Secure Boot is on. With V(false) it has to be off.
        type: bool
      no_nouveau:
        description: The kernel's own drivers must not hold a card.
        type: bool
      min_bandwidth_percent:
        description: Share of the data sheet's memory bandwidth that O(bandwidth_bytes_per_s) has to reach.
        type: float
  container_cuda:
    description:
      - Result of C(cuInit) in a container, in the shape of RV(inferhost.llm.gpu_info#module:cuda_init). No container is run here.
      - Where the container did not start, C(outcome) is C(not_run) and C(cause) what Docker said.
    type: dict
  baseline:
    description:
      - RV(inferhost.llm.gpu_info#module:kernel_log) of an earlier run. Without it everything since the kernel's start is new.
    type: dict
  bandwidth_bytes_per_s:
    description: Memory bandwidth of one card as it was measured elsewhere, in bytes a second.
    type: float
  on_problem:
    description: Whether an unmet expectation fails the task, or is only reported in RV(ok) and RV(findings).
    type: str
    choices: [fail, report]
    default: fail
  timeout:
    description: Seconds that each program, and C(cuInit), may take when the module collects the facts.
    type: float
    default: 30.0
  nvidia_smi:
    description: Path or name of the C(nvidia-smi) to ask when the module collects the facts.
    type: str
    default: nvidia-smi
  root:
    description: Where the host's file system is seen when the module collects the facts.
    type: path
    default: /
seealso:
  - module: inferhost.llm.gpu_info
  - module: inferhost.llm.driver_plan
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: Prove that the host has one working card
  inferhost.llm.gpu_verify:
    expect:
      gpu_count: 1
      min_memory_bytes: "{{ '20GB' | human_to_bytes }}"
      cuda_init: true
  become: true

- name: Find what a driver plan promised
  inferhost.llm.gpu_verify:
    expect: "{{ driver.expect }}"
  become: true

- name: Take the facts before a change
  inferhost.llm.gpu_info:
  register: before

- name: See that the change brought no new complaints, without failing
  inferhost.llm.gpu_verify:
    baseline: "{{ before.kernel_log }}"
    expect:
      no_new_xids: true
      no_new_refusals: true
      pcie_link: true
    on_problem: report
  become: true
  register: gpu

- name: Show the report
  ansible.builtin.debug:
    msg: "{{ gpu.text }}"
"""

RETURN = r"""
ok:
  description: Whether everything that was asked for is met.
  returned: always
  type: bool
  sample: false
worst:
  description: The worst severity among the findings, C(ok) without any.
  returned: always
  type: str
  sample: critical
findings:
  description: What is wrong, the worst first. What was not asked for is at most a warning.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: >-
        Row of the ledger of known failures, or a code. An expectation that nothing explains has its own name, with C(_unknown) behind it where
        it could not be read.
      type: str
      sample: L01
    severity:
      description: C(warning), C(error) or C(critical).
      type: str
    title:
      description: What is wrong.
      type: str
    seen:
      description: The facts that show it.
      type: str
    cause:
      description: Why it is so.
      type: str
    fix:
      description: A command that mends it, or that shows more.
      type: str
expectations:
  description: One entry an expectation that was asked for.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Which one, a key of O(expect).
      type: str
    asked:
      description: What was asked for.
      type: raw
    seen:
      description: What was seen.
      type: str
    met:
      description: C(yes), C(no), or C(unknown) where it could not be read.
      type: str
    explained_by:
      description: Ids of the findings that explain why it is not met.
      type: list
      elements: str
text:
  description: The same as a short report for people.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._collect import Wanted, collect
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Inputs, missing_keys
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._verify import misspelt, verify

EXPECT = {
    "gpu_count": {"type": "int", "aliases": ["count"]},
    "model": {"type": "str"},
    "compute_capability": {"type": "str"},
    "min_compute_capability": {"type": "str"},
    "min_memory_bytes": {"type": "int"},
    "min_driver_version": {"type": "str"},
    "max_driver_version": {"type": "str"},
    "driver_branch": {"type": "str"},
    "open_module": {"type": "bool"},
    "module_licence": {"type": "str"},
    "same_version": {"type": "list", "elements": "str", "choices": ["module", "user_space", "fabric_manager"]},
    "cuda_init": {"type": "bool"},
    "cuda_major": {"type": "int"},
    "container_cuda_init": {"type": "bool"},
    "no_new_xids": {"type": "bool"},
    "no_new_refusals": {"type": "bool"},
    "ecc_clean": {"type": "bool"},
    "pcie_link": {"type": "bool"},
    "min_pcie_width": {"type": "int"},
    "persistence": {"type": "bool"},
    "fabric_manager": {"type": "bool"},
    "secure_boot": {"type": "bool"},
    "no_nouveau": {"type": "bool"},
    "min_bandwidth_percent": {"type": "float"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "facts": {"type": "dict"},
            "expect": {"type": "dict", "default": {}, "options": EXPECT},
            "container_cuda": {"type": "dict"},
            "baseline": {"type": "dict"},
            "bandwidth_bytes_per_s": {"type": "float"},
            "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
            "timeout": {"type": "float", "default": 30.0},
            "nvidia_smi": {"type": "str", "default": "nvidia-smi"},
            "root": {"type": "path", "default": "/"},
        },
        supports_check_mode=True,
    )
    params = module.params
    facts = params["facts"]
    if facts is None:
        facts = collect(Reader(params["root"], timeout=params["timeout"]), Wanted(params["timeout"], module.get_bin_path(params["nvidia_smi"]), True))
    wrong_texts = misspelt(params["expect"])
    if wrong_texts:
        module.fail_json(msg=f"expect: not a version: {'; '.join(wrong_texts)}")
    if params["baseline"] is not None and "events" not in params["baseline"]:
        module.fail_json(msg="baseline: not the kernel_log of gpu_info, it has no events")
    missing = missing_keys(facts)
    if missing:
        module.fail_json(msg=f"facts: not what gpu_info returns, it has no {', '.join(missing)}")
    result = verify(Inputs(facts, params["container_cuda"], params["baseline"], params["bandwidth_bytes_per_s"]), params["expect"])
    if not result["ok"] and params["on_problem"] == "fail":
        wrong = [finding for finding in result["findings"] if finding["severity"] in ("critical", "error")]
        message = " || ".join(f"{finding['title']}: {finding['seen']}. Fix: {finding['fix']}" for finding in wrong)
        module.fail_json(msg=message, **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
