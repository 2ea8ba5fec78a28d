# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: memory_plan
short_description: Plan whether and how a model runs on a host
version_added: 0.1.0
description:
  - Computes from a model's configuration, the host's hardware and what is asked for how much memory everything takes, how long the context may be,
    and with which flags the engine must be started. Every number names its source.
  - Nothing is installed, downloaded or changed, and no GPU is touched. It is arithmetic.
  - A plan that cannot work is refused with the missing bytes and what would help.
  - On NVIDIA GPUs it covers dense models and mixtures of experts with full attention, windows, chunks, a latent (MLA), Gated DeltaNet or Mamba2 layers,
    with or without a vision tower, unquantised or in the formats AWQ, GPTQ, FP8, NVFP4, MXFP4, compressed-tensors and bitsandbytes.
    On a CPU it covers models with full attention in float32.
    Everything else is refused with the code C(not_planned_yet) or C(files_unknown) rather than guessed.
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  model_path:
    description:
      - Folder that holds the model's C(config.json) and weights, on the host where the module runs.
      - One of O(model_path), O(model_config) and O(model_id) is required. The first two exclude each other.
    type: path
  model_config:
    description:
      - Content of the model's C(config.json), for a model that is not on the host.
    type: dict
  model_files:
    description:
      - Files of the checkpoint, for use with O(model_config). Without them the weights are computed from the shape of the layers,
        which is not possible for every model.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the file.
        type: str
        required: true
      size:
        description: Size in bytes.
        type: int
        required: true
  model_tokenizer_config:
    description:
      - Content of the model's C(tokenizer_config.json), for use with O(model_config). It may limit the context.
    type: dict
  model_chat_template:
    description:
      - The model's chat template, for use with O(model_config). The parsers are chosen by it.
    type: str
    default: ""
  model_generation_config:
    description:
      - Content of the model's C(generation_config.json), for use with O(model_config).
    type: dict
  model_id:
    description:
      - Identity of the model on its hub. Helps to choose the parsers when O(model_name) does not tell the family.
      - Alone it names a checkpoint of the collection's catalogue, so that nothing is needed but the name. The part after the slash is enough.
    type: str
  model_name:
    description:
      - Name under which clients ask for the model. By default the last part of O(model_id), or the name of the folder.
    type: str
  model_in_place:
    description:
      - Whether the files are already where the engine will read them, so that no disk space is needed for them.
    type: bool
    default: false
  gpus:
    description:
      - GPUs as M(inferhost.llm.gpu_info) returns them. Of each, C(name), C(memory_bytes), C(cuda_memory_bytes), C(memory_source),
        C(bandwidth_bytes_per_s) and C(compute_capability) are used.
      - For a card that is not at hand its C(name) alone is enough (C(H100), C(RTX 4000 SFF Ada)); the rest comes from the catalogue.
    type: list
    elements: dict
    default: []
  cpu:
    description:
      - Processor and memory as M(inferhost.llm.gpu_info) returns them. Needed for a plan without a GPU.
    type: dict
    default: {}
  engine_version:
    description:
      - Version of vLLM that will run. The default is the newest release that the tables were read from.
    type: str
    default: 0.33.0
  engine_build:
    description:
      - Build of vLLM. V(auto) means the CUDA build when O(gpus) is not empty and the CPU build otherwise.
    type: str
    choices: [auto, cpu, cuda]
    default: auto
  client:
    description:
      - Coding agent that must be served. A context too short for the prompt it always sends is refused, a tight one is warned of.
    type: str
    choices: [none, opencode, claude_code, hermes, victor, openai]
    default: none
  context:
    description:
      - Context length in tokens. V(0) means the longest that fits for O(concurrency) conversations at once, at most the model's own.
    type: int
    default: 0
  concurrency:
    description:
      - Conversations that must be served at once. V(0) means that the plan decides.
    type: int
    default: 0
  kv_cache_dtype:
    description:
      - Number format of the cache. V(auto) is the model's own.
    type: str
    choices: [auto, bfloat16, float16, fp8, fp8_e4m3, fp8_e5m2]
    default: auto
  kv_cache_bytes:
    description:
      - Size of the cache in bytes. V(0) means that the plan decides. The CPU build counts in whole GiB, so there it is rounded up.
    type: int
    default: 0
  gpu_memory_utilization:
    description:
      - Share of each GPU's memory that the engine may use, from V(0.1) to below V(1.0).
    type: float
    default: 0.9
  tensor_parallel:
    description:
      - GPUs over which the model is split. V(0) means all equal ones by which its heads can be divided.
    type: int
    default: 0
  yarn:
    description:
      - Whether O(context) may be longer than the model was trained for, by YaRN up to four times. It costs quality on short texts, so it is used only then.
    type: bool
    default: false
  max_output_tokens:
    description:
      - Longest answer that clients may ask for. V(0) means a quarter of the context, at most 32768.
    type: int
    default: 0
  tool_parser:
    description:
      - Tool-call parser. Empty means the one of the model's family, V(none) switches tool calls off.
      - V(qwen_tools) is the parser that the collection brings itself, for Qwen2.5 models that write C(<tools>).
    type: str
    default: ""
  tool_parser_plugin:
    description:
      - File with tool parsers of your own, which the engine will load instead of the collection's. It is named in the plan and not read.
    type: str
    default: ""
    version_added: 0.2.0
  root:
    description:
      - Folder of the deployment. The engine finds the parser plugin below it.
    type: str
    default: /opt/inferhost
    version_added: 0.2.0
  chat_template:
    description:
      - Text of a chat template that the engine will be given instead of the model's own. The parsers are chosen by what it writes.
    type: str
    default: ""
    version_added: 0.2.0
  reasoning_parser:
    description:
      - Reasoning parser. Empty means the one of the model's family, V(none) switches it off.
    type: str
    default: ""
  refuse:
    description:
      - Whether to fail when the plan is refused. When V(false) the plan is returned with its C(refusal).
    type: bool
    default: true
seealso:
  - module: inferhost.llm.gpu_info
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: Find the hardware
  inferhost.llm.gpu_info:
  register: hardware

- name: Plan a model that lies on the host
  inferhost.llm.memory_plan:
    model_path: /opt/inferhost/models/Qwen2.5-14B-Instruct-AWQ
    engine_version: 0.32.0
    gpus: "{{ hardware.gpus }}"
    cpu: "{{ hardware.cpu }}"
    client: opencode
  register: planned

- name: Show the plan
  ansible.builtin.debug:
    var: planned.text

- name: Ask what would be possible without failing
  inferhost.llm.memory_plan:
    model_config: "{{ lookup('ansible.builtin.file', 'config.json') | from_json }}"
    engine_version: 0.32.0
    gpus:
      - name: NVIDIA RTX 4000 SFF Ada Generation
        memory_bytes: 21469593600
        compute_capability: "8.9"
    refuse: false

- name: Plan a model of the catalogue for a card that is not at hand
  inferhost.llm.memory_plan:
    model_id: Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8
    gpus:
      - name: RTX PRO 6000
    client: claude_code
"""

RETURN = r"""
plan:
  description: The plan document.
  returned: when the plan was not refused, or O(refuse=false)
  type: dict
  contains:
    schema:
      description: Version of the document's form.
      type: int
      sample: 1
    model:
      description: What the model is, by its configuration.
      type: dict
    device:
      description: The device that the plan is for. C(memory_bytes) and C(bandwidth_bytes_per_s) are of one GPU.
      type: dict
    engine:
      description: Name, version and build.
      type: dict
    sizes:
      description: Every number by its name with C(value), C(unit) and C(source). On several GPUs the memory figures are for each of them.
      type: list
      elements: dict
    limits:
      description: C(max_model_len), C(max_num_seqs), C(max_num_batched_tokens), C(max_output_tokens) and C(kv_tokens). All 0 when nothing could be computed.
      type: dict
    flags:
      description: Command-line flags of the engine with C(flag), C(value) (none for a switch) and C(reason).
      type: list
      elements: dict
    environment:
      description: Environment variables of the engine with C(name), C(value) and C(reason).
      type: list
      elements: dict
    capabilities:
      description: Whether the model calls tools, reasons and sees, and with which parsers.
      type: dict
    sampling:
      description:
        - None, or C(source) and C(ways), a mapping from a way of answering (C(thinking), C(plain)) to the values that are advised for it.
      type: dict
    roofline:
      description: Bytes of weights that a token reads, and the tokens a second that the memory bandwidth allows at most for one request.
      type: dict
    need:
      description: Bytes of disk and of the host's memory that must be free, and the seconds that a start may take. What a GPU must have free is the size
        C(gpu_memory).
      type: dict
    expect:
      description: What the host's GPUs have to show for the plan to hold, in the words of M(inferhost.llm.gpu_verify). None for a processor.
      type: dict
    warnings:
      description: What works but not well, each with C(code) and C(message).
      type: list
      elements: dict
    alternatives:
      description: What would do better, each with C(change) and C(effect).
      type: list
      elements: dict
    refusal:
      description: None, or C(code), C(message), C(short_by_bytes) and C(remedies).
      type: dict
text:
  description: The plan as lines that people read, the verdict last.
  returned: always, except for options and model files that cannot be read
  type: list
  elements: str
refusal:
  description: Why the plan was refused, as in the plan.
  returned: when the plan was refused
  type: dict
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue import published
from ansible_collections.inferhost.llm.plugins.module_utils._plan._checkpoint import from_list, read_folder
from ansible_collections.inferhost.llm.plugins.module_utils._plan._clients import CLIENTS
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import EngineError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import KV_CACHE_DTYPES, Subject, from_catalogue, make_plan
from ansible_collections.inferhost.llm.plugins.module_utils._plan._text import lines, refusal_text
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import PlanInputError, Wishes


def subject_of(params: t.Mapping[str, t.Any]) -> Subject:
    """The model that the options name; the only part that reads files."""
    given_name, model_id = params["model_name"] or "", params["model_id"] or ""
    path = params["model_path"]
    if not path and not params["model_config"]:
        return from_catalogue(published(model_id), given_name)
    generation: t.Mapping[str, t.Any] = {}
    if path:
        folder = read_folder(path)
        model = read_config(folder.config, folder.tokenizer_config, os.path.join(path, "config.json"))
        checkpoint: t.Any = folder.checkpoint
        template, generation = params["chat_template"] or folder.chat_template, folder.generation_config
        fallback = os.path.basename(os.path.normpath(path))
    else:
        model = read_config(params["model_config"], params["model_tokenizer_config"], "model_config")
        checkpoint = from_list(params["model_files"]) if params["model_files"] else None
        template, generation = params["chat_template"] or params["model_chat_template"], params["model_generation_config"] or {}
        fallback = model.model_type
    name = given_name or model_id.rsplit("/", 1)[-1] or fallback
    return Subject(model_id or name, name, path, model, checkpoint, template, params["model_in_place"], generation)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "model_path": {"type": "path"},
            "model_config": {"type": "dict"},
            "model_files": {
                "type": "list",
                "elements": "dict",
                "options": {"name": {"type": "str", "required": True}, "size": {"type": "int", "required": True}},
            },
            "model_tokenizer_config": {"type": "dict", "no_log": False},
            "model_chat_template": {"type": "str", "default": ""},
            "model_generation_config": {"type": "dict"},
            "model_id": {"type": "str"},
            "model_name": {"type": "str"},
            "model_in_place": {"type": "bool", "default": False},
            "gpus": {"type": "list", "elements": "dict", "default": []},
            "cpu": {"type": "dict", "default": {}},
            "engine_version": {"type": "str", "default": "0.33.0"},
            "engine_build": {"type": "str", "choices": ["auto", "cpu", "cuda"], "default": "auto"},
            "client": {"type": "str", "choices": sorted(CLIENTS), "default": "none"},
            "context": {"type": "int", "default": 0},
            "concurrency": {"type": "int", "default": 0},
            "kv_cache_dtype": {"type": "str", "choices": list(KV_CACHE_DTYPES), "default": "auto"},
            "kv_cache_bytes": {"type": "int", "default": 0},
            "gpu_memory_utilization": {"type": "float", "default": 0.9},
            "tensor_parallel": {"type": "int", "default": 0},
            "yarn": {"type": "bool", "default": False},
            "max_output_tokens": {"type": "int", "default": 0, "no_log": False},
            "tool_parser": {"type": "str", "default": ""},
            "tool_parser_plugin": {"type": "str", "default": ""},
            "root": {"type": "str", "default": "/opt/inferhost"},
            "chat_template": {"type": "str", "default": ""},
            "reasoning_parser": {"type": "str", "default": ""},
            "refuse": {"type": "bool", "default": True},
        },
        required_one_of=[("model_path", "model_config", "model_id")],
        mutually_exclusive=[("model_path", one) for one in ("model_config", "model_files", "model_tokenizer_config", "model_generation_config")],
        supports_check_mode=True,
    )
    params = module.params
    try:
        wishes = Wishes(**{name: params[name] for name in Wishes._fields})
        plan = make_plan(subject_of(params), params["gpus"], params["cpu"], wishes)
    except (ModelError, EngineError, PlanInputError) as error:
        module.fail_json(msg=str(error))
        raise AssertionError("fail_json returned") from error
    text = lines(plan)
    if plan["refusal"] and params["refuse"]:
        module.fail_json(msg=refusal_text(plan["refusal"]), refusal=plan["refusal"], text=text)
    module.exit_json(changed=False, plan=plan, text=text, **({"refusal": plan["refusal"]} if plan["refusal"] else {}))


if __name__ == "__main__":
    main()
