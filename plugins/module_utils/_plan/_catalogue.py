# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that people serve to coding agents, so that a plan needs no network. Data, and what asks it; the shapes are in `_catalogue_shapes`.

Identities, formats and parameters: the models' pages on the Hugging Face Hub. Sampling: what their makers advise there; `thinking` and `plain` are the two
ways of models that have both. `gated`: the hub asks for an account that accepted the licence.
"""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue_shapes import SHAPES
from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError

Sampling = t.Dict[str, t.Dict[str, float]]


class Published(t.NamedTuple):
    """A checkpoint. `billions`: parameters as its makers give them, all and those used for a token (0: all of them)."""

    id: str
    shape: str
    billions: float
    active: float = 0.0
    format: str = ""
    sampling: str = ""
    gated: bool = False


AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128}
FORMATS: t.Dict[str, t.Dict[str, t.Any]] = {
    "awq": AWQ,
    "fp8": {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"},
    "mxfp4": {"quant_method": "mxfp4"},
}

SAMPLING: t.Dict[str, Sampling] = {
    "deepseek-r1": {"thinking": {"temperature": 0.6, "top_p": 0.95}},
    "gemma": {"plain": {"temperature": 1.0, "top_p": 0.95, "top_k": 64}},
    "glm": {"thinking": {"temperature": 0.6, "top_p": 0.95}},
    "gpt-oss": {"thinking": {"temperature": 1.0, "top_p": 1.0}},
    "kimi": {"plain": {"temperature": 0.6}},
    "llama": {"plain": {"temperature": 0.6, "top_p": 0.9}},
    "minimax": {"thinking": {"temperature": 1.0, "top_p": 0.95, "top_k": 40}},
    "mistral": {"plain": {"temperature": 0.15}},
    "nemotron": {"thinking": {"temperature": 1.0, "top_p": 1.0}, "plain": {"temperature": 0.6, "top_p": 0.95}},
    "qwen2.5": {"plain": {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05}},
    "qwen3": {"thinking": {"temperature": 0.6, "top_p": 0.95, "top_k": 20}, "plain": {"temperature": 0.7, "top_p": 0.8, "top_k": 20}},
    "qwen3-coder": {"plain": {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05}},
    "qwen3-coder-next": {"plain": {"temperature": 1.0, "top_p": 0.95, "top_k": 40}},
    "qwen3-instruct": {"plain": {"temperature": 0.7, "top_p": 0.8, "top_k": 20}},
    "qwen3.5": {"thinking": {"temperature": 0.6, "top_p": 0.95, "top_k": 20}, "plain": {"temperature": 0.7, "top_p": 0.8, "top_k": 20}},
}

MODELS: t.Tuple[Published, ...] = (
    Published("Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b", 7.62, sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-7B-Instruct-AWQ", "qwen2.5-7b", 7.62, format="awq", sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-14B-Instruct", "qwen2.5-14b", 14.8, sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-14B-Instruct-AWQ", "qwen2.5-14b", 14.8, format="awq", sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-32B-Instruct", "qwen2.5-32b", 32.8, sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-32B-Instruct-AWQ", "qwen2.5-32b", 32.8, format="awq", sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-72B-Instruct", "qwen2.5-72b", 72.7, sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-72B-Instruct-AWQ", "qwen2.5-72b", 72.7, format="awq", sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-Coder-1.5B-Instruct", "qwen2.5-1.5b", 1.54, sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-Coder-3B-Instruct", "qwen2.5-3b", 3.09, sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-Coder-7B-Instruct", "qwen2.5-7b", 7.62, sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-Coder-7B-Instruct-AWQ", "qwen2.5-7b", 7.62, format="awq", sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-Coder-14B-Instruct", "qwen2.5-14b", 14.8, sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-Coder-14B-Instruct-AWQ", "qwen2.5-14b", 14.8, format="awq", sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-Coder-32B-Instruct", "qwen2.5-32b", 32.8, sampling="qwen2.5"),
    Published("Qwen/Qwen2.5-Coder-32B-Instruct-AWQ", "qwen2.5-32b", 32.8, format="awq", sampling="qwen2.5"),
    Published("Qwen/Qwen3-4B-Instruct-2507", "qwen3-4b-2507", 4.02, sampling="qwen3-instruct"),
    Published("Qwen/Qwen3-4B-Instruct-2507-FP8", "qwen3-4b-2507", 4.02, format="fp8", sampling="qwen3-instruct"),
    Published("Qwen/Qwen3-8B", "qwen3-8b", 8.19, sampling="qwen3"),
    Published("Qwen/Qwen3-8B-AWQ", "qwen3-8b", 8.19, format="awq", sampling="qwen3"),
    Published("Qwen/Qwen3-8B-FP8", "qwen3-8b", 8.19, format="fp8", sampling="qwen3"),
    Published("Qwen/Qwen3-14B", "qwen3-14b", 14.8, sampling="qwen3"),
    Published("Qwen/Qwen3-14B-AWQ", "qwen3-14b", 14.8, format="awq", sampling="qwen3"),
    Published("Qwen/Qwen3-14B-FP8", "qwen3-14b", 14.8, format="fp8", sampling="qwen3"),
    Published("Qwen/Qwen3-32B", "qwen3-32b", 32.8, sampling="qwen3"),
    Published("Qwen/Qwen3-32B-AWQ", "qwen3-32b", 32.8, format="awq", sampling="qwen3"),
    Published("Qwen/Qwen3-32B-FP8", "qwen3-32b", 32.8, format="fp8", sampling="qwen3"),
    Published("Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b", 30.5, 3.3, sampling="qwen3-instruct"),
    Published("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "qwen3-30b-a3b", 30.5, 3.3, format="fp8", sampling="qwen3-instruct"),
    Published("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen3-30b-a3b", 30.5, 3.3, sampling="qwen3-coder"),
    Published("Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", "qwen3-30b-a3b", 30.5, 3.3, format="fp8", sampling="qwen3-coder"),
    Published("Qwen/Qwen3-235B-A22B-Instruct-2507", "qwen3-235b-a22b", 235, 22, sampling="qwen3-instruct"),
    Published("Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b", 235, 22, format="fp8", sampling="qwen3-instruct"),
    Published("Qwen/Qwen3-Coder-480B-A35B-Instruct", "qwen3-coder-480b-a35b", 480, 35, sampling="qwen3-coder"),
    Published("Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", "qwen3-coder-480b-a35b", 480, 35, format="fp8", sampling="qwen3-coder"),
    Published("Qwen/Qwen3-Next-80B-A3B-Instruct", "qwen3-next-80b-a3b", 80, 3, sampling="qwen3-instruct"),
    Published("Qwen/Qwen3-Next-80B-A3B-Instruct-FP8", "qwen3-next-80b-a3b", 80, 3, format="fp8", sampling="qwen3-instruct"),
    Published("Qwen/Qwen3-Coder-Next", "qwen3-next-80b-a3b", 80, 3, sampling="qwen3-coder-next"),
    Published("Qwen/Qwen3-Coder-Next-FP8", "qwen3-next-80b-a3b", 80, 3, format="fp8", sampling="qwen3-coder-next"),
    Published("Qwen/Qwen3.5-9B", "qwen3.5-9b", 9.4, sampling="qwen3.5"),
    Published("Qwen/Qwen3.5-27B", "qwen3.5-27b", 27.4, sampling="qwen3.5"),
    Published("Qwen/Qwen3.5-35B-A3B", "qwen3.5-35b-a3b", 35, 3, sampling="qwen3.5"),
    Published("Qwen/Qwen3.5-122B-A10B", "qwen3.5-122b-a10b", 122, 10, sampling="qwen3.5"),
    Published("Qwen/Qwen3.6-27B", "qwen3.5-27b", 27.4, sampling="qwen3.5"),
    Published("Qwen/Qwen3.6-27B-FP8", "qwen3.5-27b", 27.4, format="fp8", sampling="qwen3.5"),
    Published("Qwen/Qwen3.6-35B-A3B", "qwen3.5-35b-a3b", 35, 3, sampling="qwen3.5"),
    Published("Qwen/Qwen3.6-35B-A3B-FP8", "qwen3.5-35b-a3b", 35, 3, format="fp8", sampling="qwen3.5"),
    Published("openai/gpt-oss-20b", "gpt-oss-20b", 20.9, format="mxfp4", sampling="gpt-oss"),
    Published("openai/gpt-oss-120b", "gpt-oss-120b", 116.8, format="mxfp4", sampling="gpt-oss"),
    Published("google/gemma-3-27b-it", "gemma-3-27b", 27.4, sampling="gemma", gated=True),
    Published("google/gemma-4-26B-A4B-it", "gemma-4-26b-a4b", 25.8, 3.8, sampling="gemma", gated=True),
    Published("google/gemma-4-31B-it", "gemma-4-31b", 31.3, sampling="gemma", gated=True),
    Published("meta-llama/Llama-3.1-8B-Instruct", "llama-3-8b", 8.03, sampling="llama", gated=True),
    Published("meta-llama/Llama-3.3-70B-Instruct", "llama-3-70b", 70.6, sampling="llama", gated=True),
    Published("mistralai/Codestral-22B-v0.1", "codestral-22b", 22.2, sampling="mistral", gated=True),
    Published("mistralai/Mistral-Small-3.2-24B-Instruct-2506", "mistral-small-3", 24.0, sampling="mistral"),
    Published("deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct", "deepseek-coder-v2-lite", 15.7, 2.4),
    Published("deepseek-ai/DeepSeek-V3.1", "deepseek-v3", 671, 37, format="fp8", sampling="deepseek-r1"),
    Published("deepseek-ai/DeepSeek-R1-0528", "deepseek-v3", 671, 37, format="fp8", sampling="deepseek-r1"),
    Published("moonshotai/Kimi-K2-Instruct", "kimi-k2", 1027, 32.9, format="fp8", sampling="kimi"),
    Published("MiniMaxAI/MiniMax-M2", "minimax-m2", 229, 10, format="fp8", sampling="minimax"),
    Published("zai-org/GLM-4.5-Air", "glm-4.5-air", 107, 12, sampling="glm"),
    Published("zai-org/GLM-4.5-Air-FP8", "glm-4.5-air", 107, 12, format="fp8", sampling="glm"),
    Published("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "nemotron-3-nano", 31.6, 3.6, sampling="nemotron"),
)


def published(model_id: str) -> Published:
    """A checkpoint of the catalogue by its identity, or by the part after the slash; raises ModelError that names the nearest."""
    wanted = model_id.lower()
    found = [one for one in MODELS if wanted in (one.id.lower(), one.id.lower().rsplit("/", 1)[-1])]
    if found:
        return found[0]
    names = [one.id for one in MODELS]
    near = difflib.get_close_matches(wanted.rsplit("/", 1)[-1], [name.rsplit("/", 1)[-1].lower() for name in names], 3, 0.5)
    meant = [name for name in names if name.rsplit("/", 1)[-1].lower() in near]
    raise ModelError(
        "model_id: %r is not in the catalogue%s; give model_path, or model_config with the content of its config.json"
        % (model_id, " (nearest: %s)" % ", ".join(meant) if meant else "")
    )


def find(model_id: str) -> t.Optional[Published]:
    """The checkpoint of exactly this identity."""
    return next((one for one in MODELS if one.id.lower() == model_id.lower()), None)


def config_of(model: Published) -> t.Dict[str, t.Any]:
    """Its configuration, as far as a plan needs it."""
    config = dict(SHAPES[model.shape])
    if model.format:
        config["quantization_config"] = FORMATS[model.format]
    return config


def siblings(model: Published) -> t.List[Published]:
    """The same model in other formats."""
    return [one for one in MODELS if one.id != model.id and _stem(one.id) == _stem(model.id)]


def sampling_of(model: Published) -> Sampling:
    """What its makers advise."""
    return SAMPLING.get(model.sampling, {})


def _stem(model_id: str) -> str:
    name = model_id.rsplit("/", 1)[-1].lower()
    return next((name[: -len(ending)] for ending in ("-awq", "-fp8") if name.endswith(ending)), name)
