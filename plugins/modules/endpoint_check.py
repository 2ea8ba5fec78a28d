# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: endpoint_check
short_description: Ask every endpoint of vLLM, the proxy and Prometheus
version_added: 0.1.0
description:
  - Asks health, readiness, models, chat, completions, metrics and API pages, and compares the model and its context with the plan.
  - Shows that a missing and a wrong key are refused in the form that OpenAI's clients read,
    and that streamed chunks carry no empty C(tool_calls).
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  proxy_url:
    description: Address of the proxy. Its endpoints are left out when it is not given.
    type: str
  engine_url:
    description: Address of vLLM. Its endpoints are left out when it is not given.
    type: str
  prometheus_url:
    description: Address of Prometheus. Left out when it is not given.
    type: str
  api_key_file:
    description: File on the target with the key for the proxy and nothing else.
    type: path
  engine_key_file:
    description: File on the target with the key for vLLM and nothing else. Without it vLLM is not expected to refuse a wrong key.
    type: path
  model:
    description: Name that must be served. Any when it is not given.
    type: str
  max_model_len:
    description: Context length in tokens that must be served. Any when it is not given.
    type: int
  docs:
    description: Whether vLLM must serve its API pages, as it does unless C(--disable-fastapi-docs) is set.
    type: bool
    default: true
  timeout:
    description: Seconds one answer may take.
    type: float
    default: 60.0
  on_problem:
    description: Whether a failed check fails the task, or is only reported in RV(ok) and RV(rows).
    type: str
    choices: [fail, report]
    default: fail
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: Check vLLM and the proxy against the plan
  inferhost.llm.endpoint_check:
    proxy_url: http://127.0.0.1:4000
    engine_url: http://127.0.0.1:8000
    api_key_file: /opt/inferhost/etc/secrets/api_key
    engine_key_file: /opt/inferhost/etc/secrets/engine_key
    model: "{{ inferhost_plan.model.name }}"
    max_model_len: "{{ inferhost_plan.limits.max_model_len }}"

- name: Look at a vLLM that somebody else set up
  inferhost.llm.endpoint_check:
    engine_url: http://127.0.0.1:8000
    on_problem: report
"""

RETURN = r"""
ok:
  description: Whether every endpoint answered as it must.
  returned: always
  type: bool
  sample: true
rows:
  description: One entry a check, in the order they were made.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: What was checked.
      type: str
      returned: always
    ok:
      description: Whether it is as it must be.
      type: bool
      returned: always
    seen:
      description: What was seen, in a few words.
      type: str
      returned: always
    elapsed_s:
      description: Seconds the check took.
      type: float
      returned: always
    finding:
      description: What is wrong, with C(id), C(severity), C(title), C(seen), C(cause) and C(fix).
      type: dict
      returned: always
findings:
  description: The findings of all rows.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint import _endpoint as endpoint
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._probe import check
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import server
from ansible_collections.inferhost.llm.plugins.module_utils._key_file import KeyFileError, read_key

DOCS_PROBE = "vLLM serves its API pages"
KEY_PROBE = "vLLM refuses a wrong key"

SIDES = (
    (endpoint.PROXY, "proxy_url", "api_key_file"),
    (endpoint.ENGINE, "engine_url", "engine_key_file"),
    (endpoint.PROMETHEUS, "prometheus_url", None),
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "proxy_url": {"type": "str"},
            "engine_url": {"type": "str"},
            "prometheus_url": {"type": "str"},
            "api_key_file": {"type": "path", "no_log": False},
            "engine_key_file": {"type": "path", "no_log": False},
            "model": {"type": "str"},
            "max_model_len": {"type": "int"},
            "docs": {"type": "bool", "default": True},
            "timeout": {"type": "float", "default": 60.0},
            "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
        },
        required_one_of=[("proxy_url", "engine_url", "prometheus_url")],
        supports_check_mode=True,
    )
    params = module.params
    sides = {}
    try:
        for side, url, key_file in SIDES:
            key = read_key(params[key_file]) if key_file else None
            if key:
                # A server may repeat the key in its error text.
                module.no_log_values.add(key)
            if params[url]:
                sides[side] = server(params[url], key, params["timeout"])
    except KeyFileError as error:
        module.fail_json(msg=str(error))
    skip = ([] if params["docs"] else [DOCS_PROBE]) + ([] if params["engine_key_file"] else [KEY_PROBE])
    rows = check(sides, endpoint.Expected(params["model"], params["max_model_len"]), skip)
    findings = [row["finding"] for row in rows if row["finding"]]
    if findings and params["on_problem"] == "fail":
        first = findings[0]
        module.fail_json(msg=f"{first['title']}: {first['seen']}. Fix: {first['fix']}", ok=False, rows=rows, findings=findings)
    module.exit_json(changed=False, ok=not findings, rows=rows, findings=findings)


if __name__ == "__main__":
    main()
