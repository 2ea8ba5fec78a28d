# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: throughput_smoke
short_description: Measure decoding speed and compare it with the memory bandwidth
version_added: 0.1.0
description:
  - Streams one completion of a fixed number of tokens and times every piece of it.
  - Multiplies the speed by the bytes the model reads a token, which gives the memory bandwidth that is really used,
    and compares it with the device's. A kernel that is wrong for the card shows as a gap of many times.
  - One request at a time on an idle server. On a busy one the figures are lower.
extends_documentation_fragment:
  - inferhost.llm.reads
  - inferhost.llm.chat_endpoint
options:
  tokens:
    description: Tokens to decode. The server must know C(ignore_eos) and C(min_tokens), as vLLM does.
    type: int
    default: 128
  warm_up_tokens:
    description: Tokens of a request that is sent first and not counted. V(0) sends none.
    type: int
    default: 8
  prompt:
    description: Text to go on from.
    type: str
    default: Count upwards from one and do not stop.
  timeout:
    description: Seconds each of the two requests may take.
    type: float
    default: 300.0
  plan:
    description:
      - The plan document. Its C(roofline) gives bytes per token and bandwidth, its C(device) and C(model) the likely cause of a gap.
      - Without it the verdict is V(unknown).
    type: dict
  measure_copy_bandwidth:
    description: Whether to time a copy of 128 MiB on one core as well. A measure of the host for the report; no verdict is made from it.
    type: bool
    default: false
  on_problem:
    description: Whether the verdict V(fallback), or no figure at all, fails the task, or is only reported.
    type: str
    choices: [fail, report]
    default: fail
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: Compare the speed with the plan
  inferhost.llm.throughput_smoke:
    base_url: http://127.0.0.1:4000
    api_key_file: /opt/inferhost/etc/secrets/api_key
    plan: "{{ inferhost_plan }}"

- name: Only measure
  inferhost.llm.throughput_smoke:
    base_url: http://127.0.0.1:8000
    tokens: 512
    on_problem: report
  register: speed
"""

RETURN = r"""
ok:
  description: Whether there are figures and the verdict is not V(fallback).
  returned: always
  type: bool
  sample: true
model:
  description: Name of the model that was asked.
  returned: always
  type: str
  sample: inferhost-tiny
speed:
  description: What was measured. Empty when nothing could be.
  returned: always
  type: dict
  contains:
    tokens:
      description: Tokens that came.
      type: int
      returned: success
    tokens_source:
      description: Who counted them. V(usage) is the server, V(events) the number of pieces.
      type: str
      returned: success
    first_token_s:
      description: Seconds from the request to its first piece.
      type: float
      returned: success
    tokens_per_s:
      description: Tokens per second after the first one.
      type: float
      returned: success
    inter_token_p50_s:
      description: Median of the seconds between two pieces.
      type: float
      returned: success
    inter_token_p95_s:
      description: 95th percentile of the seconds between two pieces.
      type: float
      returned: success
    total_s:
      description: Seconds from the request to its last piece.
      type: float
      returned: success
verdict:
  description: What it means. Empty when nothing could be measured.
  returned: always
  type: dict
  contains:
    verdict:
      description: V(ok), V(slow), V(fallback) or V(unknown).
      type: str
      returned: success
    reason:
      description: Why, in one line.
      type: str
      returned: success
    bytes_per_token:
      description: Bytes that are read for one token, from the plan.
      type: float
      returned: success
    implied_bandwidth_bytes_per_s:
      description: Bytes per token times tokens per second.
      type: float
      returned: success
    bandwidth_bytes_per_s:
      description: Memory bandwidth of the device in bytes per second, from the plan.
      type: float
      returned: success
    bandwidth_share:
      description: Implied bandwidth over that of the device.
      type: float
      returned: success
    roofline_tokens_per_s:
      description: Tokens per second if reading memory were all there is.
      type: float
      returned: success
    expected_tokens_per_s:
      description: The same with the fixed time of a step.
      type: float
      returned: success
    ratio:
      description: Measured over expected tokens per second.
      type: float
      returned: success
copy_bandwidth_bytes_per_s:
  description: Bytes per second that one core of the host moves in a copy, read and write counted.
  returned: when O(measure_copy_bandwidth=true)
  type: float
findings:
  description: What is wrong, each with C(id), C(severity), C(title), C(seen), C(cause) and C(fix).
  returned: always
  type: list
  elements: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint import _throughput as throughput
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._throughput_probe import PROMPT, ThroughputError, copy_bandwidth, measure
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_findings import finding_of as server_finding
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import Server, first_model, server
from ansible_collections.inferhost.llm.plugins.module_utils._key_file import KeyFileError, read_key


def roofline_of(plan: t.Dict[str, t.Any]) -> throughput.Roofline:
    roofline = plan.get("roofline") or {}
    device = plan.get("device") or {}
    return throughput.Roofline(
        kind=device.get("kind") or "",
        device=device.get("name") or "",
        bytes_per_token=float(roofline.get("bytes_per_token") or 0),
        bandwidth_bytes_per_s=roofline.get("bandwidth_bytes_per_s"),
        quantization=(plan.get("model") or {}).get("quantization"),
    )


def run(where: Server, params: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    model = params["model"] or first_model(where)
    nothing = {"ok": False, "speed": {}, "verdict": {}}
    if not isinstance(model, str):
        return {**nothing, "model": "", "findings": [server_finding(model, where.url, False, where.key_file)]}
    try:
        sample = measure(where, model, params["tokens"], params["prompt"], params["warm_up_tokens"])
    except ThroughputError as error:
        finding = {
            "id": "L34",
            "severity": "error",
            "title": "Decoding speed could not be measured",
            "seen": str(error),
            "cause": "the server does not stream completions, or failed while it did",
            "fix": "journalctl -u inferhost-vllm -u inferhost-proxy -n 100 --no-pager",
        }
        return {**nothing, "model": model, "findings": [finding]}
    roofline = roofline_of(params["plan"] or {})
    speed = throughput.speed_of(sample)
    verdict = throughput.judge(speed, roofline, sample.tokens_wanted)
    found = throughput.finding_of(verdict, roofline)
    return {
        "ok": verdict.verdict != "fallback",
        "model": model,
        "speed": throughput.rounded(speed),
        "verdict": throughput.rounded(verdict),
        "findings": [found] if found else [],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "base_url": {"type": "str", "required": True},
            "model": {"type": "str"},
            "api_key_file": {"type": "path", "no_log": False},
            "api_key": {"type": "str", "no_log": True},
            "tokens": {"type": "int", "default": 128, "no_log": False},
            "warm_up_tokens": {"type": "int", "default": 8, "no_log": False},
            "prompt": {"type": "str", "default": PROMPT},
            "timeout": {"type": "float", "default": 300.0},
            "plan": {"type": "dict"},
            "measure_copy_bandwidth": {"type": "bool", "default": False},
            "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
        },
        mutually_exclusive=[("api_key", "api_key_file")],
        supports_check_mode=True,
    )
    params = module.params
    if params["tokens"] < 2 or params["warm_up_tokens"] < 0:
        module.fail_json(msg="tokens must be at least 2 (the time between two is measured), warm_up_tokens at least 0")
    try:
        key = params["api_key"] or read_key(params["api_key_file"])
    except KeyFileError as error:
        module.fail_json(msg=str(error))
    if key:
        # A server may repeat the key in its error text.
        module.no_log_values.add(key)
    result = run(server(params["base_url"], key, params["timeout"], params["api_key_file"]), params)
    if params["measure_copy_bandwidth"]:
        result["copy_bandwidth_bytes_per_s"] = round(copy_bandwidth())
    if not result["ok"] and params["on_problem"] == "fail":
        first = result["findings"][0]
        module.fail_json(msg=f"{first['title']}: {first['seen']}. Fix: {first['fix']}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
