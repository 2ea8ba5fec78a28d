# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs no huggingface_hub: lists, facts, foresight and refusals, against a stand-in of the Hub. Fetching itself is in tests/models."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.tests.unit.plugins.model_hub import MODEL, TOKEN, ModelHub, a_model
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

FILES = a_model(3, 4096, **{"pytorch_model.bin": b"x" * 9999, "original/params.json": b"{}"})
WANTED = sorted(set(FILES) - {"pytorch_model.bin", "original/params.json"})


def model_download(hub: ModelHub, path: Path, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
    given = {"path": str(path), "model": MODEL, "endpoint": hub.url, "tries": 1, "headroom_bytes": 0, "python": "/nonexistent", "runner": "/nonexistent"}
    return run_module("model_download", {**given, **options}, check=check)


def test_facts_come_without_a_byte_of_the_weights(tmp_path: Path) -> None:
    with ModelHub(FILES) as hub:
        found = model_download(hub, tmp_path / "m", state="facts")
        assert (found["changed"], found["commit"], found["complete"], found["digest"]) == (False, hub.commit, False, "")
        assert found["config"]["model_type"] == "qwen2"
        assert (found["tokenizer_config"], found["chat_template"]) == ({"model_max_length": 4096}, "{{ messages }}")
        assert [one["name"] for one in found["files"]] == WANTED
        assert found["total_bytes"] == found["missing_bytes"] == sum(len(FILES[name]) for name in WANTED)
        assert hub.requests("cdn") == [] and not (tmp_path / "m").exists()


def test_quantisation_beside_the_configuration_and_sampling_are_told(tmp_path: Path) -> None:
    beside = {"hf_quant_config.json": b'{"quantization": {"quant_algo": "NVFP4"}}', "generation_config.json": b'{"temperature": 0.7}'}
    with ModelHub({**FILES, **beside}) as hub:
        found = model_download(hub, tmp_path / "m", state="facts")
    assert found["config"]["quantization_config"] == {"quant_method": "modelopt", "quant_algo": "NVFP4"}
    assert found["generation_config"] == {"temperature": 0.7}


def test_check_mode_says_what_would_come_and_changes_nothing(tmp_path: Path) -> None:
    with ModelHub(FILES) as hub:
        found = model_download(hub, tmp_path / "m", check=True)
        assert (found["changed"], found["fetched"], found["checked"]) == (True, WANTED, [])
        assert found["diff"]["after"].splitlines() == ["+ " + name for name in WANTED]
        assert hub.requests("cdn") == [] and not (tmp_path / "m").exists()


def test_files_that_are_there_already_would_be_read_and_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "model-00001-of-00003.safetensors").write_bytes(FILES["model-00001-of-00003.safetensors"])
    (tmp_path / "config.json").write_bytes(b"of another size")
    with ModelHub(FILES) as hub:
        found = model_download(hub, tmp_path, check=True)
    assert found["checked"] == ["model-00001-of-00003.safetensors"]
    assert found["fetched"] == sorted(set(WANTED) - set(found["checked"]))


def test_a_model_that_does_not_fit_is_refused_before_the_first_byte(tmp_path: Path) -> None:
    with ModelHub(FILES) as hub:
        for check in (True, False):
            found = model_download(hub, tmp_path / "m", check=check, headroom_bytes=1 << 60)
            assert found["failed"] and found["kind"] == "no_space" and "nothing was fetched" in found["msg"] and "role storage" in found["msg"]
        assert hub.requests("cdn") == [] and not (tmp_path / "m").exists()


def test_gated_without_a_token(tmp_path: Path) -> None:
    with ModelHub(FILES, gated=True) as hub:
        found = model_download(hub, tmp_path / "m", state="facts")
        assert found["failed"] and found["kind"] == "gated"
        assert all(word in found["msg"] for word in (hub.url + "/" + MODEL, "model_token", "model_token_file", "no token is set"))


def test_gated_and_not_accepted(tmp_path: Path) -> None:
    with ModelHub(FILES, gated=True) as hub:
        hub.accepted = False
        found = model_download(hub, tmp_path / "m", state="facts", token=TOKEN)
        assert found["failed"] and found["kind"] == "gated" and "accept the terms on %s/%s" % (hub.url, MODEL) in found["msg"]
        assert TOKEN not in str(found)


def test_a_token_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(TOKEN + "\n", encoding="ascii")
    with ModelHub(FILES, gated=True) as hub:
        found = model_download(hub, tmp_path / "m", state="facts", token_file=str(secret))
        assert "failed" not in found and TOKEN not in str(found)


@pytest.mark.parametrize("content", [None, ""])
def test_a_token_file_that_has_no_token(tmp_path: Path, content: t.Optional[str]) -> None:
    secret = tmp_path / "token"
    if content is not None:
        secret.write_text(content, encoding="ascii")
    with ModelHub(FILES) as hub:
        found = model_download(hub, tmp_path / "m", state="facts", token_file=str(secret))
        assert found["failed"] and str(secret) in found["msg"] and "model_token_file" in found["msg"] and hub.seen == []


REFUSALS: list[tuple[dict[str, t.Any], str, str]] = [
    ({"model": "acme/agent-8b"}, "no_model", "model_id"),
    ({"revision": "v9"}, "no_revision", "model_revision"),
    ({"token": "hf_wrong"}, "bad_token", "model_token"),
    ({"model": "acme agent"}, "option", "model_id"),
    ({"include": ["*.gguf"]}, "option", "model_include"),
    ({"include": ["*.safetensors"]}, "option", "config.json"),
]


@pytest.mark.parametrize(("options", "kind", "said"), REFUSALS)
def test_what_cannot_be_had_is_named_with_what_helps(tmp_path: Path, options: dict[str, t.Any], kind: str, said: str) -> None:
    with ModelHub(FILES) as hub:
        found = model_download(hub, tmp_path / "m", state="facts", **options)
        assert found["failed"] and found["kind"] == kind and said in found["msg"] and not (tmp_path / "m").exists()


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limited"), (503, "server_error")])
def test_a_hub_that_refuses_to_work(tmp_path: Path, status: int, kind: str) -> None:
    with ModelHub(FILES) as hub:
        hub.faults.status["list"] = [status]
        assert model_download(hub, tmp_path / "m", state="facts")["kind"] == kind


def test_a_hub_that_is_out_of_reach_and_another_that_is_not(tmp_path: Path) -> None:
    with ModelHub(FILES) as hub:
        pass
    found = model_download(hub, tmp_path / "m", state="facts")
    assert found["kind"] == "refused" and all(way in found["msg"] for way in ("model_endpoint", "modelscope", "model_source=path"))
    with ModelHub(FILES) as other:
        for kind in ("huggingface", "modelscope"):
            assert model_download(other, tmp_path / "m", state="facts", source=kind)["config"]["model_type"] == "qwen2"


def test_a_mirror_that_does_not_tell_sizes_is_no_hub(tmp_path: Path) -> None:
    with ModelHub(FILES) as hub:
        hub.faults.sizes = False
        found = model_download(hub, tmp_path / "m", state="facts")
        assert found["kind"] == "protocol" and "without a size" in found["msg"] and "model_endpoint" in found["msg"]


def test_nothing_to_remove(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="ascii")
    found = run_module("model_download", {"state": "absent", "path": str(tmp_path), "model": MODEL})
    assert (found["changed"], os.listdir(tmp_path)) == (False, ["mine.txt"])
