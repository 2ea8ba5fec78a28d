# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the digests of configurations in tests/plan leave out of the models' published config.json, by the models' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIGLIP = {"model_type": "siglip_vision_model", "num_hidden_layers": 27, "hidden_size": 1152, "intermediate_size": 4304, "patch_size": 14, "image_size": 896}
CLIP = {"model_type": "clip_vision_model", "num_hidden_layers": 24, "hidden_size": 1024, "intermediate_size": 4096, "patch_size": 14, "image_size": 336}
QWEN2_VL = {"model_type": "qwen2_vl", "depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "patch_size": 14, "temporal_patch_size": 2, "spatial_merge_size": 2}
QWEN3_VL = {
    "model_type": "qwen3_vl",
    "depth": 27,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "patch_size": 16,
    "temporal_patch_size": 2,
    "spatial_merge_size": 2,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [8, 16, 24],
}
QWEN3_VL_SMALL = {**QWEN3_VL, "depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "deepstack_visual_indexes": [5, 11, 17]}
QWEN35 = {**QWEN3_VL, "deepstack_visual_indexes": []}
PIXTRAL = {"model_type": "pixtral", "num_hidden_layers": 24, "hidden_size": 1024, "intermediate_size": 4096, "patch_size": 14}
LLAMA4 = {"model_type": "llama4_vision_model", "num_hidden_layers": 34, "hidden_size": 1408, "intermediate_size": 5632, "patch_size": 14}
GEMMA4 = {**SIGLIP, "model_type": "gemma4_vision", "patch_size": 16, "position_embedding_size": 10240}

MROPE = {"rope_type": "default", "mrope_section": [11, 11, 10]}
GEMMA3 = {
    "model_type": "gemma3_text",
    "max_position_embeddings": 131072,
    "rope_scaling": {"rope_type": "linear", "factor": 8.0},
    "rope_local_base_freq": 10000.0,
}

GEMMA4_ROPE = {"sliding_attention": {"rope_type": "default"}, "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25}}

# The first whose word is in the model's name. What the digest says itself comes before this.
LEFT_OUT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("gemma-2-", {"model_type": "gemma2", "max_position_embeddings": 8192}),
    ("gemma-3-1b", {**GEMMA3, "max_position_embeddings": 32768, "rope_scaling": None}),
    ("gemma-3-", {**GEMMA3, "vision_config": SIGLIP}),
    ("emma-4-", {"vision_config": GEMMA4, "top_k_experts": 8, "rope_parameters": GEMMA4_ROPE}),
    ("Qwen1.5-MoE", {"model_type": "qwen2_moe", "max_position_embeddings": 8192}),
    ("Qwen2-VL", {"model_type": "qwen2_vl", "max_position_embeddings": 32768, "rope_scaling": MROPE, "vision_config": QWEN2_VL}),
    ("Qwen3-VL-Embedding-2B", {"model_type": "qwen3_vl_text", "max_position_embeddings": 262144, "rope_scaling": MROPE, "vision_config": QWEN3_VL_SMALL}),
    ("Qwen3-VL-2B", {"rope_scaling": MROPE, "vision_config": QWEN3_VL_SMALL}),
    ("Qwen3-VL-4B", {"rope_scaling": MROPE, "vision_config": QWEN3_VL_SMALL}),
    ("Qwen3-VL", {"rope_scaling": MROPE, "vision_config": QWEN3_VL}),
    ("Qwen3.5-9B", {"model_type": "qwen3_5_text", "max_position_embeddings": 262144, "rope_scaling": MROPE, "vision_config": QWEN35}),
    ("Qwen3.", {"rope_scaling": MROPE, "vision_config": QWEN35}),
    ("Qwen3-Next", {"model_type": "qwen3_next", "max_position_embeddings": 262144}),
    ("Qwen3-Coder-Next", {"model_type": "qwen3_next", "max_position_embeddings": 262144}),
    ("Qwen3-Embedding-0.6B", {"model_type": "qwen3", "max_position_embeddings": 32768}),
    ("2507", {"model_type": "qwen3", "max_position_embeddings": 262144}),
    ("Qwen3-", {"model_type": "qwen3", "max_position_embeddings": 40960}),
    ("Qwen2.5-Math", {"model_type": "qwen2", "max_position_embeddings": 4096}),
    ("Qwen2", {"model_type": "qwen2", "max_position_embeddings": 32768}),
    ("istill-", {"model_type": "qwen2", "max_position_embeddings": 131072}),
    ("Llama-4", {"vision_config": LLAMA4}),
    ("Llama-3.", {"max_position_embeddings": 131072}),
    ("Llama-3-", {"max_position_embeddings": 8192}),
    ("CodeLlama", {"max_position_embeddings": 16384}),
    ("TinyLlama", {"max_position_embeddings": 2048}),
    ("Mistral-Small-3", {"model_type": "mistral", "max_position_embeddings": 131072, "vision_config": PIXTRAL}),
    ("Mixtral", {"model_type": "mixtral", "max_position_embeddings": 32768}),
    ("Mistral-7B", {"model_type": "mistral", "max_position_embeddings": 32768}),
    ("phi-2", {"model_type": "phi", "max_position_embeddings": 2048, "partial_rotary_factor": 0.4}),
    ("Phi-3-mini-4k", {"model_type": "phi3", "max_position_embeddings": 4096}),
    ("granite-3", {"model_type": "granite", "max_position_embeddings": 131072}),
    ("Kimi-K2", {"model_type": "kimi_k2", "max_position_embeddings": 262144}),
    ("DeepSeek-Coder-V2", {"model_type": "deepseek_v2", "max_position_embeddings": 163840}),
    ("Olmo-3", {"model_type": "olmo3", "max_position_embeddings": 65536}),
    ("llava-1.5", {"max_position_embeddings": 4096, "vision_config": CLIP}),
    ("LLaVA-NeXT", {"max_position_embeddings": 4096, "vision_config": CLIP}),
)

# Digests of a sibling carry its quantisation. What the log calls the format, and the words in names that say more.
BLOCKS = {"quant_method": "fp8", "weight_block_size": [128, 128]}
FOUR_BITS = {"quant_method": "gptq", "bits": 4, "group_size": 128}
FORMATS: dict[str, dict[str, Any]] = {
    "auto_round": FOUR_BITS,
    "awq": {**FOUR_BITS, "quant_method": "awq"},
    "awq_marlin": {**FOUR_BITS, "quant_method": "awq"},
    "bitsandbytes": {"quant_method": "bitsandbytes", "load_in_4bit": True},
    "fp8": {"quant_method": "fp8"},
    "gptq": FOUR_BITS,
    "gptq_marlin": FOUR_BITS,
    "modelopt_fp4": {"quant_method": "modelopt", "quant_algo": "NVFP4"},
    "mxfp4": {"quant_method": "mxfp4"},
    "nvfp4": {"quant_method": "modelopt", "quant_algo": "NVFP4"},
}
# What these leave in the model's type, or in eight bits, their lists say and the digests do not.
NVFP4_ATTENTION_LEFT = {"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ["linear_attn"]}
NVFP4_ATTENTION_FP8 = {
    "quant_method": "modelopt",
    "quant_algo": "MIXED_PRECISION",
    "quantized_layers": {"mlp": {"quant_algo": "NVFP4"}, "self_attn": {"quant_algo": "FP8"}, "linear_attn": {"quant_algo": "FP8"}},
}
BY_NAME: tuple[tuple[str, dict[str, Any]], ...] = (
    ("qat-autoawq", {**FOUR_BITS, "quant_method": "awq", "group_size": 32}),
    ("27B-NVFP4", NVFP4_ATTENTION_FP8),
    ("10B-NVFP4", NVFP4_ATTENTION_LEFT),
    ("17B-NVFP4", NVFP4_ATTENTION_LEFT),
)
COMPRESSED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("NVFP4", {"quant_method": "modelopt", "quant_algo": "NVFP4"}),
    ("AWQ-INT4", {**FOUR_BITS, "group_size": 32}),
    ("W4A16", FOUR_BITS),
)


def complete(name: str, digest: Mapping[str, Any], quantization: str | None, length: int | None) -> dict[str, Any]:
    """A config.json that the plan can read: the digest, what it leaves out, and the format that the log names."""
    left_out = next((facts for word, facts in LEFT_OUT if word in name), {})
    given = {key: value for key, value in digest.items() if value is not None}
    config: dict[str, Any] = {"model_type": "llama", "architectures": ["AnyForCausalLM"], "dtype": "bfloat16", **left_out, **given}
    if "vision_config" in left_out and not (given.get("has_vision_tower") or "Llama-4" in name):
        del config["vision_config"]
    config.setdefault("max_position_embeddings", length or 32768)
    if "Embedding" in name:
        # Asked for vectors the engine loads no output table.
        config["tie_word_embeddings"] = True
    if isinstance(config.get("layer_types"), dict):
        config["layer_types"] = [kind for kind, count in config["layer_types"]["counts"].items() for _ in range(count)]
    config["quantization_config"] = _format(name, config.get("quantization_config"), quantization)
    return config


def _format(name: str, given: Any, said: str | None) -> dict[str, Any] | None:
    if said is None:
        return None
    certain = next((one for word, one in BY_NAME if word in name), None)
    if certain is not None:
        return certain
    if isinstance(given, dict) and given.get("quant_method") == said:
        return given
    if said == "fp8" and "FP8" in name:
        return BLOCKS
    named = next((one for word, one in COMPRESSED if word in name), None) if said == "compressed-tensors" else FORMATS.get(said)
    return named or given or {"quant_method": said}
