# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of config.json that a plan needs, by the shape that models share. Data only.

From the models' published config.json. Their parameters are counted from these and held against what the makers publish (test__catalogue).
"""

from __future__ import annotations

import typing as t

Shape = t.Dict[str, t.Any]

FULL_EVERY_FOURTH: Shape = {"full_attention_interval": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4}
QWEN35_TOWER = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "patch_size": 16, "temporal_patch_size": 2, "spatial_merge_size": 2}
SIGLIP = {"model_type": "siglip_vision_model", "num_hidden_layers": 27, "hidden_size": 1152, "intermediate_size": 4304, "patch_size": 14, "image_size": 896}
GEMMA4_TOWER = {**SIGLIP, "model_type": "gemma4_vision", "patch_size": 16, "position_embedding_size": 10240}
GEMMA4_ROPE = {"sliding_attention": {"rope_type": "default"}, "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25}}
PIXTRAL = {"model_type": "pixtral", "num_hidden_layers": 24, "hidden_size": 1024, "intermediate_size": 4096, "patch_size": 14}
MROPE = {"rope_type": "default", "mrope_section": [11, 11, 10]}


def _dense(
    architecture: str, kind: str, layers: int, hidden: int, heads: int, kv_heads: int, width: int, vocabulary: int, context: int, **more: t.Any
) -> Shape:
    return {
        "architectures": [architecture],
        "model_type": kind,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": width,
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        "dtype": "bfloat16",
        "tie_word_embeddings": False,
        **more,
    }


def _qwen2(layers: int, hidden: int, heads: int, kv_heads: int, width: int, vocabulary: int = 152064, **more: t.Any) -> Shape:
    return _dense("Qwen2ForCausalLM", "qwen2", layers, hidden, heads, kv_heads, width, vocabulary, 32768, **more)


def _qwen3(layers: int, hidden: int, heads: int, kv_heads: int, width: int, **more: t.Any) -> Shape:
    return {**_dense("Qwen3ForCausalLM", "qwen3", layers, hidden, heads, kv_heads, width, 151936, 40960, head_dim=128), **more}


def _qwen3_moe(layers: int, hidden: int, heads: int, kv_heads: int, experts: int, used: int, width: int) -> Shape:
    more = {"head_dim": 128, "num_experts": experts, "num_experts_per_tok": used, "moe_intermediate_size": width}
    return _dense("Qwen3MoeForCausalLM", "qwen3_moe", layers, hidden, heads, kv_heads, 3 * hidden, 151936, 262144, **more)


def _qwen35(layers: int, hidden: int, heads: int, kv_heads: int, width: int, value_heads: int, **more: t.Any) -> Shape:
    linear = {**FULL_EVERY_FOURTH, "linear_num_key_heads": 16, "linear_num_value_heads": value_heads, "mamba_ssm_dtype": "float32", "attn_output_gate": True}
    moe = "num_experts" in more
    text = _dense("", "qwen3_5_moe_text" if moe else "qwen3_5_text", layers, hidden, heads, kv_heads, width, 248320, 262144, head_dim=256)
    text = {**text, **linear, "mtp_num_hidden_layers": 1, "rope_parameters": MROPE, **more}
    del text["architectures"]
    architecture = "Qwen3_5MoeForConditionalGeneration" if moe else "Qwen3_5ForConditionalGeneration"
    return {"architectures": [architecture], "model_type": "qwen3_5", "text_config": text, "vision_config": QWEN35_TOWER}


def _experts(total: int, used: int, width: int, **more: t.Any) -> Shape:
    return {"num_experts": total, "num_experts_per_tok": used, "moe_intermediate_size": width, **more}


def _deepseek(kind: str, layers: int, hidden: int, heads: int, width: int, vocabulary: int, context: int, **more: t.Any) -> Shape:
    latent = {"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}
    architecture = "DeepseekV2ForCausalLM" if kind == "deepseek_v2" else "DeepseekV3ForCausalLM"
    return _dense(architecture, kind, layers, hidden, heads, heads, width, vocabulary, context, **latent, **more)


def _gemma4(layers: int, hidden: int, heads: int, kv_heads: int, width: int, global_heads: int, **more: t.Any) -> Shape:
    kinds = (["sliding_attention"] * 5 + ["full_attention"]) * (layers // 6)
    text = _dense("", "gemma4_text", layers, hidden, heads, kv_heads, width, 262144, 262144, head_dim=256, sliding_window=1024, layer_types=kinds)
    text = {**text, "global_head_dim": 512, "num_global_key_value_heads": global_heads, "rope_parameters": GEMMA4_ROPE, "tie_word_embeddings": True, **more}
    del text["architectures"]
    return {"architectures": ["Gemma4ForConditionalGeneration"], "model_type": "gemma4", "text_config": text, "vision_config": GEMMA4_TOWER}


def _llama(layers: int, hidden: int, heads: int, width: int) -> Shape:
    return _dense("LlamaForCausalLM", "llama", layers, hidden, heads, 8, width, 128256, 131072)


def _gpt_oss(layers: int, experts: int) -> Shape:
    more = {"head_dim": 64, "num_local_experts": experts, "num_experts_per_tok": 4, "sliding_window": 128}
    return _dense("GptOssForCausalLM", "gpt_oss", layers, 2880, 64, 8, 2880, 201088, 131072, **more)


def _mistral3() -> Shape:
    text = _dense("", "mistral", 40, 5120, 32, 8, 32768, 131072, 131072, head_dim=128)
    del text["architectures"]
    return {"architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3", "text_config": text, "vision_config": PIXTRAL}


def _gemma3_27b() -> Shape:
    turned = {"rope_scaling": {"rope_type": "linear", "factor": 8.0}, "rope_local_base_freq": 10000.0}
    text = _dense("", "gemma3_text", 62, 5376, 32, 16, 21504, 262208, 131072, head_dim=128, sliding_window=1024, **turned)
    del text["architectures"]
    return {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "text_config": {**text, "tie_word_embeddings": True},
        "vision_config": SIGLIP,
    }


GLM45_AIR: Shape = {"head_dim": 128, "partial_rotary_factor": 0.5, "n_routed_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 1408}
NANO: Shape = {
    "head_dim": 128,
    "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    "n_routed_experts": 128,
    "num_experts_per_tok": 6,
    "moe_intermediate_size": 1856,
    "n_shared_experts": 1,
    "moe_shared_expert_intermediate_size": 3712,
    "mamba_num_heads": 64,
    "mamba_head_dim": 64,
    "ssm_state_size": 128,
    "n_groups": 8,
    "conv_kernel": 4,
}
QWEN3_NEXT: Shape = {
    **FULL_EVERY_FOURTH,
    **_experts(512, 10, 512, shared_expert_intermediate_size=512),
    "head_dim": 256,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
}

SHAPES: t.Dict[str, Shape] = {
    "codestral-22b": _dense("MistralForCausalLM", "mistral", 56, 6144, 48, 8, 16384, 32768, 32768, head_dim=128),
    "deepseek-coder-v2-lite": _deepseek(
        "deepseek_v2",
        *(27, 2048, 16, 10944, 102400, 163840),
        n_routed_experts=64,
        num_experts_per_tok=6,
        moe_intermediate_size=1408,
        n_shared_experts=2,
        first_k_dense_replace=1,
    ),
    "deepseek-v3": _deepseek(
        "deepseek_v3",
        *(61, 7168, 128, 18432, 129280, 163840),
        q_lora_rank=1536,
        n_routed_experts=256,
        num_experts_per_tok=8,
        moe_intermediate_size=2048,
        n_shared_experts=1,
        first_k_dense_replace=3,
        num_nextn_predict_layers=1,
    ),
    "gemma-3-27b": _gemma3_27b(),
    "gemma-4-26b-a4b": _gemma4(30, 2816, 16, 8, 2112, 2, num_experts=128, top_k_experts=8, moe_intermediate_size=704),
    "gemma-4-31b": _gemma4(60, 5376, 32, 16, 21504, 4),
    "glm-4.5-air": _dense(
        "Glm4MoeForCausalLM",
        "glm4_moe",
        *(46, 4096, 96, 8, 10944, 151552, 131072),
        **GLM45_AIR,
        n_shared_experts=1,
        first_k_dense_replace=1,
        num_nextn_predict_layers=1,
    ),
    "gpt-oss-120b": _gpt_oss(36, 128),
    "gpt-oss-20b": _gpt_oss(24, 32),
    "kimi-k2": _deepseek(
        "kimi_k2",
        *(61, 7168, 64, 18432, 163840, 131072),
        q_lora_rank=1536,
        n_routed_experts=384,
        num_experts_per_tok=8,
        moe_intermediate_size=2048,
        n_shared_experts=1,
        first_k_dense_replace=1,
    ),
    "llama-3-70b": _llama(80, 8192, 64, 28672),
    "llama-3-8b": _llama(32, 4096, 32, 14336),
    "minimax-m2": _dense(
        "MiniMaxM2ForCausalLM",
        "minimax_m2",
        *(62, 3072, 48, 8, 1536, 200064, 196608),
        head_dim=128,
        num_local_experts=256,
        num_experts_per_tok=8,
        partial_rotary_factor=0.5,
    ),
    "mistral-small-3": _mistral3(),
    "nemotron-3-nano": _dense("NemotronHForCausalLM", "nemotron_h", 52, 2688, 32, 2, 1856, 131072, 262144, **NANO),
    "qwen2.5-1.5b": {**_qwen2(28, 1536, 12, 2, 8960, 151936), "tie_word_embeddings": True},
    "qwen2.5-14b": _qwen2(48, 5120, 40, 8, 13824),
    "qwen2.5-32b": _qwen2(64, 5120, 40, 8, 27648),
    "qwen2.5-3b": {**_qwen2(36, 2048, 16, 2, 11008, 151936), "tie_word_embeddings": True},
    "qwen2.5-72b": _qwen2(80, 8192, 64, 8, 29568),
    "qwen2.5-7b": _qwen2(28, 3584, 28, 4, 18944),
    "qwen3-14b": _qwen3(40, 5120, 40, 8, 17408),
    "qwen3-235b-a22b": _qwen3_moe(94, 4096, 64, 4, 128, 8, 1536),
    "qwen3-30b-a3b": _qwen3_moe(48, 2048, 32, 4, 128, 8, 768),
    "qwen3-32b": _qwen3(64, 5120, 64, 8, 25600),
    "qwen3-4b-2507": _qwen3(36, 2560, 32, 8, 9728, tie_word_embeddings=True, max_position_embeddings=262144),
    "qwen3-8b": _qwen3(36, 4096, 32, 8, 12288),
    "qwen3-coder-480b-a35b": _qwen3_moe(62, 6144, 96, 8, 160, 8, 2560),
    "qwen3-next-80b-a3b": _dense("Qwen3NextForCausalLM", "qwen3_next", 48, 2048, 16, 2, 5120, 151936, 262144, **QWEN3_NEXT),
    "qwen3.5-122b-a10b": _qwen35(48, 3072, 32, 2, 12288, 64, **_experts(256, 8, 1024, shared_expert_intermediate_size=1024)),
    "qwen3.5-27b": _qwen35(64, 5120, 24, 4, 17408, 48),
    "qwen3.5-35b-a3b": _qwen35(40, 2048, 16, 2, 6144, 32, **_experts(256, 8, 512, shared_expert_intermediate_size=512)),
    "qwen3.5-9b": _qwen35(32, 4096, 16, 4, 12288, 32),
}
