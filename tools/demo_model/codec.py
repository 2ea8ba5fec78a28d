# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""Text to token ids and the tokenizer files: a token is a byte, plus a few markers. Nothing is learned."""

from __future__ import annotations

import re
from typing import Any

# The roles' markers are special (never shown as text); a tool call's are ordinary text, which parsers must see.
ROLE_MARKERS = ("<|end|>", "<|pad|>", "<|system|>", "<|tools|>", "<|user|>", "<|assistant|>", "<|tool|>")
CALL_MARKERS = ("<tool_call>", "</tool_call>")
MARKERS = ROLE_MARKERS + CALL_MARKERS
MARKER_IDS = {marker: 256 + place for place, marker in enumerate(MARKERS)}
END_ID = MARKER_IDS["<|end|>"]
PAD_ID = MARKER_IDS["<|pad|>"]
VOCABULARY = 320  # 256 bytes and the markers, rounded up to a multiple of 64
_SPLIT = re.compile("(" + "|".join(re.escape(marker) for marker in MARKERS) + ")")


def encode(text: str) -> list[int]:
    """Token ids of a text, markers recognised; equal to what the tokenizer files give."""
    ids: list[int] = []
    for piece in _SPLIT.split(text):
        if piece in MARKER_IDS:
            ids.append(MARKER_IDS[piece])
        else:
            ids.extend(piece.encode())
    return ids


def byte_symbols() -> list[str]:
    """The printable character that stands for each byte (0 to 255) in byte-level tokenizer files."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    symbols = {byte: chr(byte) for byte in printable}
    hidden = [byte for byte in range(256) if byte not in symbols]
    symbols.update({byte: chr(256 + place) for place, byte in enumerate(hidden)})
    return [symbols[byte] for byte in range(256)]


def _added_token(marker: str) -> dict[str, Any]:
    return {
        "id": MARKER_IDS[marker],
        "content": marker,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": marker in ROLE_MARKERS,
    }


def tokenizer_json() -> dict[str, Any]:
    """The content of ``tokenizer.json``: byte-level BPE without a single merge."""
    bytes_only = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(marker) for marker in MARKERS],
        "normalizer": None,
        "pre_tokenizer": bytes_only,
        "post_processor": None,
        "decoder": bytes_only,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {symbol: byte for byte, symbol in enumerate(byte_symbols())},
            "merges": [],
        },
    }


def tokenizer_config(context: int) -> dict[str, Any]:
    """The content of ``tokenizer_config.json``; ``context`` is the longest sequence in tokens."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "clean_up_tokenization_spaces": False,
    }
