# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tool_call_check
short_description: Prove that an endpoint makes structured tool calls
version_added: 0.1.0
description:
  - Sends a chat request that offers one tool, whole and streamed, and judges what comes back.
  - A call counts when it is structured, names the offered tool, has an id, arguments that parse as JSON with every required one,
    and ends with C(finish_reason=tool_calls). Both forms must give the same call.
  - When there is no such call the module asks once more without any parser, returns what the model really wrote,
    names the notation and the vLLM parser that reads it.
extends_documentation_fragment:
  - inferhost.llm.reads
  - inferhost.llm.chat_endpoint
options:
  streamed:
    description: Which forms of the answer are asked for.
    type: str
    choices: ['false', 'true', both]
    default: both
  timeout:
    description: Seconds one answer may take.
    type: float
    default: 120.0
  max_tokens:
    description: Longest answer in tokens. Models that think first need more.
    type: int
    default: 512
  prompt:
    description: What the user says. Needs O(tool).
    type: str
  tool:
    description: The tool that is offered, as an OpenAI tool definition. A C(read_file) tool when it is not given.
    type: dict
  expected_arguments:
    description: Arguments that the call should carry word for word. Another value is a warning, not an error.
    type: dict
  on_problem:
    description: Whether a failed check fails the task, or is only reported in RV(ok) and RV(findings).
    type: str
    choices: [fail, report]
    default: fail
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: Prove that tool calls work through the proxy
  inferhost.llm.tool_call_check:
    base_url: http://127.0.0.1:4000
    api_key_file: /opt/inferhost/etc/secrets/api_key

- name: Look at what a model writes, without failing
  inferhost.llm.tool_call_check:
    base_url: http://127.0.0.1:8000/v1
    streamed: 'false'
    on_problem: report
  register: tool_call

- name: Ask with a tool of your own
  inferhost.llm.tool_call_check:
    base_url: http://127.0.0.1:8000
    prompt: What is the weather in Oslo?
    tool:
      type: function
      function:
        name: get_weather
        parameters:
          type: object
          properties:
            city:
              type: string
          required: [city]
    expected_arguments:
      city: Oslo
"""

RETURN = r"""
ok:
  description: Whether every form that was asked for gave the call.
  returned: always
  type: bool
  sample: true
model:
  description: Name of the model that was asked.
  returned: always
  type: str
  sample: inferhost-tiny
answers:
  description: One entry a form of the answer.
  returned: always
  type: list
  elements: dict
  contains:
    streamed:
      description: Whether the answer was streamed.
      type: bool
      returned: always
    ok:
      description: Whether it was the call that was asked for.
      type: bool
      returned: always
    code:
      description: >-
        What it was. V(ok), V(other_argument), V(reasoning_differs), V(http_400_no_parser), V(unparsed_markup), V(tools_markup), V(call_in_text),
        V(call_in_reasoning), V(plain_text), V(tools_unseen), V(no_answer), V(bad_json), V(wrong_tool),
        V(missing_argument), V(no_call_id), V(wrong_finish_reason), V(cut_off), V(empty_stream), V(stream_cut), V(stream_error), V(stream_differs),
        V(unauthorized), V(unknown_model), V(no_model), V(http_error), V(not_json) or V(network).
      type: str
      returned: always
    detail:
      description: What was seen, in one line.
      type: str
      returned: always
    raw_text:
      description: What the model wrote, when it is not a good call.
      type: str
      returned: always
    call:
      description: The call, with C(id), C(name) and parsed C(arguments).
      type: dict
      returned: always
    markup:
      description: Notation of a call that was left in the text.
      type: str
      returned: always
    parser:
      description: The vLLM tool parser that reads this notation.
      type: str
      returned: always
    elapsed_s:
      description: Seconds the answer took.
      type: float
      returned: always
findings:
  description: What is wrong, each with C(id), C(severity), C(title), C(seen), C(cause) and C(fix).
  returned: always
  type: list
  elements: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import Question, tool_problem
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import FORMS, check, server
from ansible_collections.inferhost.llm.plugins.module_utils._key_file import KeyFileError, read_key


def question_of(params: t.Dict[str, t.Any]) -> Question:
    if params["tool"] is None:
        return Question(max_tokens=params["max_tokens"])
    return Question(
        prompt=params["prompt"],
        tool=params["tool"],
        values=params["expected_arguments"] or {},
        max_tokens=params["max_tokens"],
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "base_url": {"type": "str", "required": True},
            "model": {"type": "str"},
            "api_key_file": {"type": "path", "no_log": False},
            "api_key": {"type": "str", "no_log": True},
            "streamed": {"type": "str", "choices": ["false", "true", "both"], "default": "both"},
            "timeout": {"type": "float", "default": 120.0},
            "max_tokens": {"type": "int", "default": 512, "no_log": False},
            "prompt": {"type": "str"},
            "tool": {"type": "dict"},
            "expected_arguments": {"type": "dict"},
            "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
        },
        mutually_exclusive=[("api_key", "api_key_file")],
        required_together=[("tool", "prompt")],
        required_by={"expected_arguments": "tool"},
        supports_check_mode=True,
    )
    params = module.params
    problem = tool_problem(params["tool"]) if params["tool"] is not None else None
    if problem:
        module.fail_json(msg=f"tool: {problem}")
    try:
        key = params["api_key"] or read_key(params["api_key_file"])
    except KeyFileError as error:
        module.fail_json(msg=str(error))
    if key:
        # A server may repeat the key in its error text.
        module.no_log_values.add(key)
    result = check(server(params["base_url"], key, params["timeout"], params["api_key_file"]), question_of(params), FORMS[params["streamed"]], params["model"])
    if not result["ok"] and params["on_problem"] == "fail":
        first = result["findings"][0]
        module.fail_json(msg=f"{first['title']}: {first['seen']}. Fix: {first['fix']}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
