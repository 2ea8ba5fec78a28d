# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_scan
short_description: Find keys where they must not be
version_added: 0.1.0
description:
  - Looks for the keys of some files in the command lines of all processes, in files and in the journal, and checks the modes of private files.
  - Only names places. No key, and no text around one, is ever returned or logged.
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  key_files:
    description: Files on the target, each with one key and nothing else, or folders of such files.
    type: list
    elements: path
    required: true
  paths:
    description: Files and folders to search, folders in all depth. Links are not followed.
    type: list
    elements: path
    default: []
  exclude:
    description: Files and folders that may hold keys, or are too large to be worth it.
    type: list
    elements: path
    default: []
  private:
    description: Folders and files that only their owner may open, in all depth.
    type: list
    elements: path
    default: []
  processes:
    description: Whether to search the command lines of all processes.
    type: bool
    default: true
  journal_units:
    description: Units whose journal is searched. None when it is empty.
    type: list
    elements: str
    default: []
  on_problem:
    description: Whether a leak or a wrong mode fails the task, or is only reported in RV(ok) and RV(findings).
    type: str
    choices: [fail, report]
    default: fail
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: Show that the key is nowhere but in its file
  inferhost.llm.secret_scan:
    key_files: [/opt/inferhost/etc/secrets]
    paths: [/opt/inferhost/etc, /opt/inferhost/log, /etc/systemd/system]
    exclude: [/opt/inferhost/etc/secrets]
    private: [/opt/inferhost/etc/secrets]
    journal_units: [inferhost-vllm, inferhost-proxy]
"""

RETURN = r"""
ok:
  description: Whether nothing was found.
  returned: always
  type: bool
  sample: true
leaks:
  description: Places that hold a key, each with C(kind) (V(argv), V(file) or V(journal)), C(where) and C(key_file).
  returned: always
  type: list
  elements: dict
modes:
  description: Private paths that others can open, each with C(path), C(mode) and C(wanted).
  returned: always
  type: list
  elements: dict
skipped:
  description: What could not be searched, each with C(where) and C(why).
  returned: always
  type: list
  elements: dict
searched:
  description: What was searched, so that nothing found means something.
  returned: always
  type: dict
  contains:
    keys:
      description: Keys looked for.
      type: int
      returned: always
    files:
      description: Files read.
      type: int
      returned: always
    bytes:
      description: Bytes of them.
      type: int
      returned: always
    processes:
      description: Command lines read.
      type: int
      returned: always
    journal_bytes:
      description: Bytes of the journal read.
      type: int
      returned: always
findings:
  description: What is wrong, each with C(id), C(severity), C(title), C(seen), C(cause) and C(fix).
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils import _leak as leak


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "key_files": {"type": "list", "elements": "path", "required": True, "no_log": False},
            "paths": {"type": "list", "elements": "path", "default": []},
            "exclude": {"type": "list", "elements": "path", "default": []},
            "private": {"type": "list", "elements": "path", "default": []},
            "processes": {"type": "bool", "default": True},
            "journal_units": {"type": "list", "elements": "str", "default": []},
            "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
        },
        supports_check_mode=True,
    )
    params = module.params
    report = leak.Report()
    needles = leak.read_needles(params["key_files"], report)
    if not needles:
        module.fail_json(msg=f"no key to look for: {'; '.join(entry['where'] + ': ' + entry['why'] for entry in report.skipped) or 'key_files is empty'}")
    leak.scan_files(params["paths"], params["exclude"], needles, report)
    if params["processes"]:
        leak.scan_processes(needles, report)
    if params["journal_units"]:
        leak.scan_journal(params["journal_units"], needles, report)
    leak.check_modes(params["private"], report)
    findings = leak.findings_of(report)
    result = {
        "ok": not findings,
        "leaks": report.leaks,
        "modes": report.modes,
        "skipped": report.skipped,
        "searched": {
            "keys": len(needles),
            "files": report.files,
            "bytes": report.bytes,
            "processes": report.processes,
            "journal_bytes": report.journal_bytes,
        },
        "findings": findings,
    }
    if findings and params["on_problem"] == "fail":
        module.fail_json(msg=f"{findings[0]['title']}: {findings[0]['seen']}. Fix: {findings[0]['fix']}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
