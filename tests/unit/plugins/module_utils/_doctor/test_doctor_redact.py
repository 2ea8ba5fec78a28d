# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret leaves: by its shape, by its place, or because doctor has read it."""

from __future__ import annotations

import json
import random
import string

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._redact import Redactor, assigned_secret, split_secrets

ALPHABET = string.ascii_letters + string.digits + "_-"
PLACES = (
    "{}",
    "Authorization: Bearer {}",
    "curl -H 'Authorization: Bearer {}' http://x",
    "VLLM_API_KEY={}",
    "export OPENAI_API_KEY='{}'",
    'master_key: "{}"',
    '{{"api_key": "{}", "model": "m"}}',
    "--api-key {} --port 8000",
    "--api-key={}",
    "litellm --master-key {}",
    "x-api-key: {}",
    "http://user:{}@host/path",
    "HF_TOKEN={}\nOTHER=1",
    "DB_PASSWORD={}",
)
BY_SHAPE = ("sk-", "hf_", "rpa_", "ghp_")


def random_secret(source: random.Random, prefix: str) -> str:
    return prefix + "".join(source.choice(ALPHABET if prefix == "sk-" else ALPHABET[:-2]) for _unused in range(source.randint(20, 60)))


@pytest.mark.parametrize("place", PLACES)
def test_secrets_go_in_every_place(place: str) -> None:
    source = random.Random(place)
    for _unused in range(50):
        # Without a prefix only the place tells; on its own nothing would.
        prefix = source.choice(BY_SHAPE if place == "{}" else (*BY_SHAPE, ""))
        secret = random_secret(source, prefix)
        text = Redactor().text(place.format(secret))
        assert secret not in text and secret[len(prefix) :] not in text
        assert "***" in text


def test_a_known_secret_goes_whatever_it_looks_like() -> None:
    source = random.Random(7)
    for _unused in range(200):
        secret = "".join(source.choice(string.printable[:94]) for _also in range(source.randint(6, 40)))
        redactor = Redactor()
        redactor.learn(secret)
        tree = {"a": [f"before{secret}after", {secret: 1}], "b": (f"{secret}{secret}",)}
        dumped = json.dumps(redactor.tree(tree))
        assert secret not in dumped and json.dumps(secret)[1:-1] not in dumped


def test_redacting_twice_changes_nothing() -> None:
    redactor = Redactor()
    for place in PLACES:
        once = redactor.text(place.format("sk-abcdefghijklmnopqrstuv"))
        assert redactor.text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "--max-num-batched-tokens 2048 and max_tokens=16, max_tokens: 32",
        "TOKENIZERS_PARALLELISM=false",
        "serves a context of 4,096 tokens; every coding agent needs more",
        "Environment=VLLM_API_KEY=${KEY}",
        "chmod 600 /opt/inferhost/etc/secrets/api_key",
        "the command line carries a secret (--api-key)",
        "http://127.0.0.1:8000/v1/models",
        "task-based scheduling, risk-free",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("VLLM_API_KEY=abc123", "VLLM_API_KEY"),
        ("export HF_TOKEN='hf_xyz'", "HF_TOKEN"),
        ("      - LITELLM_MASTER_KEY=sk-1", "LITELLM_MASTER_KEY"),
        ("  master_key: sk-1234", "master_key"),
        ('"api_key": "abc",', "api_key"),
        ("VLLM_API_KEY=${VLLM_API_KEY}", None),
        ("  master_key: os.environ/MASTER_KEY", None),
        ("VLLM_API_KEY_FILE=/run/secrets/key", None),
        ("MAX_TOKENS=4096", None),
        ("VLLM_API_KEY=", None),
        ("PORT=8000", None),
    ],
)
def test_assigned_secret(line: str, name: str) -> None:
    assert assigned_secret(line) == name


@pytest.mark.parametrize(
    ("argv", "clean", "carriers"),
    [
        (
            ["vllm", "serve", "m", "--api-key", "one", "two", "--port", "8000"],
            ["vllm", "serve", "m", "--api-key", "***", "***", "--port", "8000"],
            ["--api-key"],
        ),
        (["vllm", "serve", "--api-key=one"], ["vllm", "serve", "--api-key=***"], ["--api-key"]),
        (["docker", "run", "-e", "VLLM_API_KEY=one2three", "img"], ["docker", "run", "-e", "VLLM_API_KEY=***", "img"], ["VLLM_API_KEY"]),
        (["bash", "-c", "vllm serve m --api-key one2three"], ["bash", "-c", "vllm serve m --api-key ***"], ["a value that looks like a key"]),
        (
            ["/bin/sh", "/r/lib/with-secrets", "VLLM_API_KEY=engine_key", "--", "vllm"],
            ["/bin/sh", "/r/lib/with-secrets", "VLLM_API_KEY=engine_key", "--", "vllm"],
            [],
        ),
        (["/r/lib/with-secrets", "A_TOKEN=a", "--", "vllm", "--api-key=b"], ["/r/lib/with-secrets", "A_TOKEN=a", "--", "vllm", "--api-key=***"], ["--api-key"]),
        (["vllm", "serve", "m", "--max-model-len", "4096"], ["vllm", "serve", "m", "--max-model-len", "4096"], []),
    ],
)
def test_split_secrets(argv: list[str], clean: list[str], carriers: list[str]) -> None:
    assert split_secrets(argv) == (clean, carriers)
