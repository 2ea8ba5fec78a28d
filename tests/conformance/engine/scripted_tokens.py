# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A logits processor for vLLM: a request with `"vllm_xargs": {"script": TEXT}` gets TEXT as its answer.

The model's choice is replaced and nothing else, so tokens, parsers, streaming and finish reasons are vLLM's own.
It runs inside vLLM.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoTokenizer
from vllm.sampling_params import SamplingParams
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor


class Scripted(AdapterLogitsProcessor):
    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        super().__init__(vllm_config, device, is_pin_memory)
        self._tokenizer = AutoTokenizer.from_pretrained(vllm_config.model_config.tokenizer)

    def is_argmax_invariant(self) -> bool:
        return False

    def new_req_logits_processor(self, params: SamplingParams) -> Any:
        script = (params.extra_args or {}).get("script")
        if script is None:
            return None
        tokens = [*self._tokenizer.encode(script, add_special_tokens=False), self._tokenizer.eos_token_id]

        def force(output: list[int], logits: torch.Tensor) -> torch.Tensor:
            wanted = tokens[min(len(output), len(tokens) - 1)]
            forced = torch.full_like(logits, float("-inf"))
            forced[wanted] = 0
            return forced

        return force
