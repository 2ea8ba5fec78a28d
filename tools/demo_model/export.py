# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""The model's shape, and the files that a server loads."""

# The gates run without torch and transformers.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from tools.demo_model import checksums, codec, induction
from tools.demo_model.prompt import TEMPLATE_FILE

CONTEXT = 65536  # tokens; positions beyond the trained ones are served, see the model card


def new_model() -> Any:
    """An untrained model. Heads of 32: vLLM's CPU attention refuses 16."""
    config = Qwen2Config(
        vocab_size=codec.VOCABULARY,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=codec.END_ID,
        pad_token_id=codec.PAD_ID,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        attn_implementation="sdpa",
    )
    model = Qwen2ForCausalLM(config)
    induction.prepare(model)
    return model


def load(folder: Path) -> Any:
    """A model that ``write`` has written, to train it further."""
    return Qwen2ForCausalLM.from_pretrained(folder, attn_implementation="sdpa").train()


def write(model: Any, folder: Path) -> None:
    """Write weights (float32), configuration, tokenizer, template and checksums into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    model.to(torch.float32).save_pretrained(folder)
    _write_json(folder / "generation_config.json", generation_config())
    _write_json(folder / "tokenizer.json", codec.tokenizer_json())
    _write_json(folder / "tokenizer_config.json", codec.tokenizer_config(CONTEXT))
    shutil.copyfile(TEMPLATE_FILE, folder / "chat_template.jinja")
    _write_config(folder / "config.json")
    checksums.write(folder)


def generation_config() -> dict[str, Any]:
    """Always the likeliest token, also for clients that ask for a temperature and no ``top_k``."""
    return {"eos_token_id": codec.END_ID, "pad_token_id": codec.PAD_ID, "do_sample": True, "top_k": 1}


def _write_config(path: Path) -> None:
    """Add the older spelling of the rotary base, which vLLM before 0.12 reads, and drop the writer's version."""
    config = json.loads(path.read_text())
    config["rope_theta"] = config["rope_parameters"]["rope_theta"]
    config.pop("transformers_version", None)
    config["torch_dtype"] = config.get("dtype", "float32")
    _write_json(path, config)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
