# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_state
short_description: Whether a service runs, and runs what is wanted
version_added: 0.1.0
description:
  - Looks in one step at all that decides whether a service has to be touched. Changes nothing.
  - A service has what is wanted when its definition on disk has the wanted content and the digest that was recorded when it last became
    ready is the wanted one.
author: inferhost contributors (@inferhost)
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  name:
    description: Name of the service.
    type: str
    required: true
  definition:
    description: Path of the unit or of the program's definition.
    type: path
    required: true
  content:
    description: The content that O(definition) must have.
    type: str
    required: true
  record:
    description: File with the digest of what the service was last ready with.
    type: path
    required: true
  digest:
    description: Digest of what the service must run.
    type: str
    required: true
  status:
    description: Command that says how the service is. One that fails says that it does not run.
    type: list
    elements: str
    required: true
  running:
    description: What lines of the output of O(status) must match; each a regular expression that is searched for.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: State of the proxy
  inferhost.llm.service_state:
    name: inferhost-proxy
    definition: /etc/systemd/system/inferhost-proxy.service
    content: "{{ lookup('ansible.builtin.template', 'unit.service.j2') }}"
    record: /opt/inferhost/run/inferhost-proxy.applied
    digest: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    status: [systemctl, show, --property, "ActiveState,UnitFileState,NeedDaemonReload", inferhost-proxy]
    running: [^ActiveState=active$, ^UnitFileState=enabled$, ^NeedDaemonReload=no$]
"""

RETURN = r"""
applied:
  description: Whether definition and record are as wanted.
  type: bool
  returned: always
running:
  description: Whether it is applied and its status is as it should be.
  type: bool
  returned: always
reasons:
  description: Why it is not applied or not running, one line each.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._service_state import differences, not_running


def _text_of(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def _said(module: AnsibleModule, command: list[str]) -> tuple[int, str]:
    status, output, errors = module.run_command(command)
    return status, output + errors


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "definition": {"type": "path", "required": True},
            "content": {"type": "str", "required": True},
            "record": {"type": "path", "required": True},
            "digest": {"type": "str", "required": True},
            "status": {"type": "list", "elements": "str", "required": True},
            "running": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    wanted = {params["definition"]: params["content"], params["record"]: params["digest"]}
    different = differences(wanted, {path: _text_of(path) for path in wanted})
    # A service that has to be changed anyway is not asked: it may not even be known yet.
    stopped = [] if different else not_running(params["running"], *_said(module, params["status"]))
    module.exit_json(changed=False, applied=not different, running=not different and not stopped, reasons=different + stopped)


if __name__ == "__main__":
    main()
