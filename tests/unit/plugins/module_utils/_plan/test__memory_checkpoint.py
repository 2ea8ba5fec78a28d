# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import struct
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._checkpoint import count_parameters, from_list, read_folder, weight_files
from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import TINY


def write_safetensors(path: Path, tensors: t.Dict[str, t.Tuple[str, t.List[int]]]) -> None:
    header: t.Dict[str, t.Any] = {name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]} for name, (dtype, shape) in tensors.items()}
    header["__metadata__"] = {"format": "pt"}
    content = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(content)) + content + b"\0" * 64)


def a_model(folder: Path) -> Path:
    (folder / "config.json").write_text(json.dumps(TINY), encoding="utf-8")
    write_safetensors(folder / "model.safetensors", {"embed": ("F32", [320, 128]), "norm": ("F32", [128])})
    return folder


def test_a_folder(tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 2048, "chat_template": "from the tokenizer"}', encoding="utf-8")
    read = read_folder(str(folder))
    # 320 x 128 + 128
    assert read.checkpoint.parameters == 41088
    assert read.checkpoint.weight_bytes == (folder / "model.safetensors").stat().st_size
    assert read.checkpoint.download_bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert (read.tokenizer_config["model_max_length"], read.chat_template) == (2048, "from the tokenizer")


def test_a_template_in_a_file_of_its_own_wins(tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    (folder / "tokenizer_config.json").write_text('{"chat_template": [{"name": "default", "template": "a"}]}', encoding="utf-8")
    assert read_folder(str(folder)).chat_template == "a"
    (folder / "chat_template.jinja").write_text("b", encoding="utf-8")
    assert read_folder(str(folder)).chat_template == "b"


def test_a_format_in_a_file_of_its_own(tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    beside = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4", "group_size": 16, "exclude_modules": ["lm_head"]}}
    (folder / "hf_quant_config.json").write_text(json.dumps(beside), encoding="utf-8")
    assert read_folder(str(folder)).config["quantization_config"] == {"quant_method": "modelopt", **beside["quantization"]}
    # What the configuration says itself comes first.
    own = {"quant_method": "awq", "bits": 4}
    (folder / "config.json").write_text(json.dumps({**TINY, "quantization_config": own}), encoding="utf-8")
    assert read_folder(str(folder)).config["quantization_config"] == own


def test_what_the_checkpoint_says_of_sampling(tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    assert read_folder(str(folder)).generation_config == {}
    (folder / "generation_config.json").write_text('{"temperature": 0.6, "do_sample": true}', encoding="utf-8")
    assert read_folder(str(folder)).generation_config["temperature"] == 0.6


def test_packed_tensors_are_not_parameters(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"qweight": ("I32", [640, 5120]), "scales": ("F16", [40, 5120])})
    assert count_parameters(str(path)) is None


def test_which_files_are_weights() -> None:
    assert weight_files(["model-1.safetensors", "consolidated.safetensors", "pytorch_model.bin", "config.json"]) == ["model-1.safetensors"]
    assert weight_files(["consolidated.safetensors"]) == ["consolidated.safetensors"]
    assert weight_files(["pytorch_model.bin", "training_args.bin"]) == ["pytorch_model.bin"]


def test_a_list_from_a_hub() -> None:
    checkpoint = from_list([{"name": "a.safetensors", "size": 10}, {"name": "config.json", "size": 1}])
    assert (checkpoint.download_bytes, checkpoint.weight_bytes, checkpoint.parameters) == (11, 10, None)


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ([{"name": "a.safetensors"}], "model_files[0]"),
        ([{"name": "a.safetensors", "size": -1}], "model_files[0]"),
        ([{"name": "README.md", "size": 1}], "no file of weights"),
    ],
)
def test_a_list_that_cannot_be_used(files: t.List[t.Dict[str, t.Any]], word: str) -> None:
    with pytest.raises(ModelError) as caught:
        from_list(files)
    assert word in str(caught.value)


def spoil(folder: Path, what: str) -> None:
    weights = folder / "model.safetensors"
    if what == "no config":
        (folder / "config.json").unlink()
    elif what == "broken config":
        (folder / "config.json").write_text("{", encoding="utf-8")
    elif what == "config is a list":
        (folder / "config.json").write_text("[]", encoding="utf-8")
    elif what == "no weights":
        weights.unlink()
    elif what == "cut short":
        weights.write_bytes(weights.read_bytes()[:20])
    elif what == "a web page":
        weights.write_bytes(b"<!DOCTYPE html><html></html>")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("no config", ("no config.json", "not a model")),
        ("broken config", ("config.json", "not valid JSON")),
        ("config is a list", ("config.json", "JSON object")),
        ("no weights", ("no file of weights",)),
        ("cut short", ("model.safetensors", "download it again")),
        ("a web page", ("model.safetensors", "download it again")),
    ],
)
def test_a_folder_that_cannot_be_used(tmp_path: Path, what: str, words: t.Tuple[str, ...]) -> None:
    spoil(a_model(tmp_path), what)
    with pytest.raises(ModelError) as caught:
        read_folder(str(tmp_path))
    for word in (str(tmp_path), *words):
        assert word in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        read_folder(str(tmp_path / "gone"))
