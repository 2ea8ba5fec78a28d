# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: doctor
short_description: What is wrong with a host that serves models
version_added: 0.1.0
description:
  - Looks at a host, whoever set it up, and returns findings with what was seen, the cause and a command that fixes it, worst first.
  - Works with and without root. What could not be looked at is named, so that no findings never means that nothing was looked at.
  - Changes nothing on the host. An endpoint is asked for its models and, unless O(probe=false), for a few short answers of the kinds that agents need.
  - Nothing that it returns holds a key, a token or a password.
author: inferhost contributors (@inferhost)
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  root:
    description: Folder of an installation by this collection, if there is one.
    type: path
    default: /opt/inferhost
  endpoint:
    description:
      - Address of the endpoint to ask, as seen from the host, with or without C(/v1).
      - Without it the servers that run on the host are asked, on the address they listen on.
    type: str
  api_key_file:
    description:
      - File on the host that holds the key of the endpoint and nothing else.
      - Without it the keys of an installation by this collection are used, where they are readable.
    type: path
  probe:
    description: Whether endpoints are asked for answers, which costs a few tokens.
    type: bool
    default: true
  only:
    description: Ids of the checks to make. Empty means all.
    type: list
    elements: str
    default: []
  skip:
    description: Ids of the checks to leave out.
    type: list
    elements: str
    default: []
  host:
    description: Name of the host in the report. The host's own name by default.
    type: str
"""

EXAMPLES = r"""
- name: What is wrong here
  inferhost.llm.doctor:
  register: diagnosis

- name: Only the environments and the keys
  inferhost.llm.doctor:
    only: [L11, L72]
  become: true

- name: An endpoint of another make
  inferhost.llm.doctor:
    endpoint: http://127.0.0.1:8080/v1
    api_key_file: /etc/gateway/key
"""

RETURN = r"""
worst:
  description: Severity of the worst finding, V(ok) without findings.
  type: str
  returned: always
  sample: error
summary:
  description: One line with the number of findings by severity, and of checks made and not made.
  type: str
  returned: always
text:
  description: The report for a person, in lines.
  type: list
  elements: str
  returned: always
report:
  description: The report for a program.
  type: dict
  returned: always
  contains:
    schema:
      description: Version of this structure.
      type: int
    host:
      description: Name of the host.
      type: str
    worst:
      description: Severity of the worst finding.
      type: str
    checked:
      description: Ids of the checks that gave an answer.
      type: list
      elements: str
    not_checked:
      description: Checks, or parts of them, that gave none, each with C(id), C(title) and C(why).
      type: list
      elements: dict
    findings:
      description: What is wrong, worst first, each with C(id), C(severity), C(title), C(seen), C(cause) and C(fix).
      type: list
      elements: dict
    gaps:
      description: What could not be read on the host, and why.
      type: list
      elements: str
"""

import platform

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Context
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import RegistryError
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._render import render, summary
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._run import diagnose


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "default": "/opt/inferhost"},
            "endpoint": {"type": "str"},
            "api_key_file": {"type": "path", "no_log": False},
            "probe": {"type": "bool", "default": True},
            "only": {"type": "list", "elements": "str", "default": []},
            "skip": {"type": "list", "elements": "str", "default": []},
            "host": {"type": "str"},
        },
        supports_check_mode=True,
    )
    options = module.params
    context = Context(root=options["root"], endpoint=options["endpoint"], api_key_file=options["api_key_file"], probe=options["probe"])
    try:
        report = diagnose(context, options["host"] or platform.node(), options["only"], options["skip"])
    except RegistryError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, worst=report.worst, summary=summary(report), text=render(report), report=report.as_dict())


if __name__ == "__main__":
    main()
