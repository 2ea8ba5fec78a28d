# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What published configurations leave to the defaults of transformers' classes. Data.

Models that see write only what differs from them into text_config. A configuration of a language model alone writes everything, so that a field which
is missing there is a mistake.
"""

from __future__ import annotations

import typing as t

Config = t.Mapping[str, t.Any]

# By model_type of text_config: the defaults of its class (transformers 4.57).
NESTED: t.Dict[str, t.Dict[str, t.Any]] = {
    "gemma3_text": {
        "vocab_size": 262208,
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_hidden_layers": 26,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
        "rope_local_base_freq": 10000.0,
    },
    "llama": {
        "vocab_size": 32000,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "max_position_embeddings": 2048,
    },
    "mistral": {
        "vocab_size": 32000,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
    },
}


def completed(text: Config, model_type: str) -> Config:
    """A nested text configuration with what its class adds."""
    return {**NESTED.get(model_type, {}), **{name: value for name, value in text.items() if value is not None}}
