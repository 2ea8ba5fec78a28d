# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_report
short_description: Write the verification report of a host
version_added: 0.1.0
description:
  - Puts the results of the checks together with the plan, writes C(verify.json), C(verify.txt) and C(verify.html), and returns the table that a run ends with.
  - The page is one file with its pictures inside. It loads nothing and runs no script.
attributes:
  check_mode:
    support: full
    description: In check mode the table is returned and nothing is written.
  diff_mode:
    support: none
    description: The report holds measurements, which differ each time.
  idempotent:
    support: none
    description: The report holds the time and measurements, so each run writes it anew.
options:
  directory:
    description: Folder for the two files. It must exist.
    type: path
    required: true
  plan:
    description: The plan document.
    type: dict
    required: true
  results:
    description:
      - What the checks returned. C(endpoints) of M(inferhost.llm.endpoint_check), C(tool_call) of M(inferhost.llm.tool_call_check),
        C(throughput) of M(inferhost.llm.throughput_smoke), C(caches) of M(inferhost.llm.cache_check),
        C(secrets) of M(inferhost.llm.secret_scan) and C(gpu) of M(inferhost.llm.gpu_verify).
      - One that is missing or was skipped is shown as left out; one without a result as failed.
    type: dict
    required: true
  url:
    description: Address of the endpoint as clients use it, without C(/v1).
    type: str
    required: true
  api_key_file:
    description: Where the key is. Only the path is shown.
    type: path
    required: true
  host:
    description: Name of the host in the report.
    type: str
    required: true
  startup_files:
    description: Files with the phases of a service's last start, as the collection's services leave them. Those that do not exist are left out.
    type: list
    elements: path
    default: []
  fail_on:
    description: From which severity on RV(failure) is set.
    type: str
    choices: [error, warning, never]
    default: error
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: Write the report
  inferhost.llm.verify_report:
    directory: /opt/inferhost/report
    plan: "{{ inferhost_plan }}"
    results:
      endpoints: "{{ endpoints }}"
      tool_call: "{{ tool_call }}"
    url: http://127.0.0.1:4000
    api_key_file: /opt/inferhost/etc/secrets/api_key
    host: "{{ inventory_hostname }}"
  register: report

- name: Show the table
  ansible.builtin.debug:
    msg: "{{ report.lines }}"
"""

RETURN = r"""
ok:
  description: Whether no check is an error.
  returned: always
  type: bool
  sample: true
failure:
  description: One message with everything that is wrong, empty when O(fail_on) is not reached.
  returned: always
  type: str
lines:
  description: The table, line by line.
  returned: always
  type: list
  elements: str
counts:
  description: Number of checks by status.
  returned: always
  type: dict
  sample: {error: 0, info: 1, ok: 17, skipped: 0, warning: 0}
files:
  description: The files of the report.
  returned: always
  type: list
  elements: str
"""

import json
import os
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._report import _report as report
from ansible_collections.inferhost.llm.plugins.module_utils._report._html import page


def read_startup(paths: t.List[str]) -> t.List[t.Any]:
    """Timelines that are there and whole; the services write them, so a broken one is no reason to fail."""
    found = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as stream:
                timeline = json.load(stream)
        except (OSError, ValueError):
            continue
        if isinstance(timeline, dict) and isinstance(timeline.get("phases"), dict) and timeline.get("ready"):
            found.append({"service": timeline.get("service", os.path.basename(path)), "phases": timeline["phases"], "ready": timeline["ready"]})
    return found


def write(module: AnsibleModule, path: str, content: str) -> None:
    partial = f"{path}.{os.getpid()}"
    with open(partial, "w", encoding="utf-8") as stream:
        stream.write(content)
    os.chmod(partial, 0o644)
    module.atomic_move(partial, path)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "plan": {"type": "dict", "required": True},
            "results": {"type": "dict", "required": True},
            "url": {"type": "str", "required": True},
            "api_key_file": {"type": "path", "required": True, "no_log": False},
            "host": {"type": "str", "required": True},
            "startup_files": {"type": "list", "elements": "path", "default": []},
            "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
        },
        supports_check_mode=True,
    )
    params = module.params
    files = [os.path.join(params["directory"], name) for name in ("verify.json", "verify.txt", "verify.html")]
    endpoint = {"url": params["url"], "key_file": params["api_key_file"], "report": files[2]}
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    try:
        document = report.assemble(params["results"], params["plan"], endpoint, params["host"], when, read_startup(params["startup_files"]))
        content = (json.dumps(document, indent=2) + "\n", "\n".join(report.lines(document)) + "\n", page(document))
    except (KeyError, TypeError) as error:
        module.fail_json(msg=f"plan or results are not what the modules of this collection return: {type(error).__name__} {error}")
    if not module.check_mode:
        try:
            for path, text in zip(files, content):
                write(module, path, text)
        except OSError as error:
            module.fail_json(msg=f"the report cannot be written to {params['directory']}: {error.strerror}")
    failure = report.problems(document) if report.failed(document, params["fail_on"]) else ""
    module.exit_json(
        changed=not module.check_mode,
        ok=document["ok"],
        failure=failure,
        lines=report.lines(document),
        counts=document["counts"],
        files=files,
    )


if __name__ == "__main__":
    main()
