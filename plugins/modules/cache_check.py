# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cache_check
short_description: Prove that a running engine keeps its caches below one folder
version_added: 0.1.0
description:
  - Finds the running engine by its program and reads from its environment where it puts its caches.
  - Returns the cache variables only, nothing else of the environment.
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  program:
    description: Beginning of the path of the program that runs, as on its command line.
    type: str
    required: true
  root:
    description: Folder that must hold every cache.
    type: path
    required: true
  on_problem:
    description: Whether a cache elsewhere, or no running engine, fails the task, or is only reported in RV(ok) and RV(findings).
    type: str
    choices: [fail, report]
    default: fail
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: Prove that nothing is cached outside
  inferhost.llm.cache_check:
    program: /opt/inferhost/venvs/vllm/
    root: /opt/inferhost
"""

RETURN = r"""
ok:
  description: Whether the engine runs and every cache is below the folder.
  returned: always
  type: bool
  sample: true
pid:
  description: Id of the process. V(0) when none runs.
  returned: always
  type: int
  sample: 4711
caches:
  description: The cache variables that are set, links resolved.
  returned: always
  type: dict
findings:
  description: What is wrong, each with C(id), C(severity), C(title), C(seen), C(cause) and C(fix).
  returned: always
  type: list
  elements: dict
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils import _caches as caches


def run(program: str, root: str) -> t.Dict[str, t.Any]:
    process = caches.find_process(caches.processes(), program)
    if process is None:
        return _unseen(0, f"no process runs {program}…", "the engine is down", "systemctl status inferhost-vllm --no-pager")
    try:
        found = caches.cache_variables(process.pid)
    except OSError as error:
        return _unseen(
            process.pid, f"its environment cannot be read ({error.strerror})", "only its owner and root may", "run as root, or as the user of the service"
        )
    findings = caches.judge(found, os.path.realpath(root))
    return {"ok": not findings, "pid": process.pid, "caches": found, "findings": findings}


def _unseen(pid: int, seen: str, cause: str, fix: str) -> t.Dict[str, t.Any]:
    finding = {"id": "L70", "severity": "error", "title": "The caches of the engine cannot be seen", "seen": seen, "cause": cause, "fix": fix}
    return {"ok": False, "pid": pid, "caches": {}, "findings": [finding]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "program": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
        },
        supports_check_mode=True,
    )
    result = run(module.params["program"], module.params["root"])
    if not result["ok"] and module.params["on_problem"] == "fail":
        first = result["findings"][0]
        module.fail_json(msg=f"{first['title']}: {first['seen']}. Fix: {first['fix']}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
