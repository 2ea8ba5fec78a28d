# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a checkpoint: which of them are weights, what they weigh and how many parameters they hold."""

from __future__ import annotations

import json
import os
import struct
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError

# A header larger than this is not one: the format's own limit is 100 MB.
MAX_HEADER_BYTES = 100 * 1000 * 1000


class Checkpoint(t.NamedTuple):
    """Sizes in bytes; `parameters` is None when the tensors could not be counted."""

    download_bytes: int
    weight_bytes: int
    parameters: t.Optional[int]
    source: str


class ModelFolder(t.NamedTuple):
    """What a model's folder says."""

    config: t.Dict[str, t.Any]
    tokenizer_config: t.Dict[str, t.Any]
    chat_template: str
    checkpoint: Checkpoint
    generation_config: t.Dict[str, t.Any]


def from_list(files: t.Iterable[t.Mapping[str, t.Any]]) -> Checkpoint:
    """A checkpoint known by names and sizes only, as a model hub lists it."""
    sizes: t.Dict[str, int] = {}
    for number, entry in enumerate(files):
        name, size = entry.get("name"), entry.get("size")
        if not isinstance(name, str) or isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ModelError("model_files[%d]: needs a name and a size in whole bytes, got %r" % (number, dict(entry)))
        sizes[name] = size
    weights = weight_files(sizes)
    if not weights:
        raise ModelError("model_files: no file of weights among %d (*.safetensors, *.bin)" % len(sizes))
    return Checkpoint(sum(sizes.values()), sum(sizes[name] for name in weights), None, "list of the checkpoint's files")


def weight_files(names: t.Iterable[str]) -> t.List[str]:
    """The files that the engine loads: safetensors before PyTorch's format, and not the same weights a second time."""
    names = sorted(names)
    safetensors = [name for name in names if name.endswith(".safetensors")]
    # Mistral publishes its own layout beside the common one.
    common = [name for name in safetensors if not os.path.basename(name).startswith("consolidated")]
    return common or safetensors or [name for name in names if name.endswith(".bin") and "training_args" not in name]


def read_folder(path: str) -> ModelFolder:
    """Read a model's folder; raises ModelError that names the file."""
    if not os.path.isdir(path):
        raise ModelError("%s: no such folder; model_path must be the folder that holds the model's config.json" % path)
    if not os.path.isfile(os.path.join(path, "config.json")):
        raise ModelError("%s: no config.json in it, so it is not a model" % path)
    config = with_quantization(_read_json(path, "config.json"), _read_json(path, "hf_quant_config.json", optional=True))
    tokenizer = _read_json(path, "tokenizer_config.json", optional=True)
    sizes = {name: os.path.getsize(os.path.join(path, name)) for name in os.listdir(path) if os.path.isfile(os.path.join(path, name))}
    weights = weight_files(sizes)
    if not weights:
        raise ModelError("%s: no file of weights in it (*.safetensors, *.bin)" % path)
    counts = [count_parameters(os.path.join(path, name)) if name.endswith(".safetensors") else None for name in weights]
    checkpoint = Checkpoint(
        download_bytes=sum(sizes.values()),
        weight_bytes=sum(sizes[name] for name in weights),
        parameters=None if None in counts else sum(count for count in counts if count is not None),
        source="files in %s" % path,
    )
    return ModelFolder(config, tokenizer, _chat_template(path, tokenizer), checkpoint, _read_json(path, "generation_config.json", optional=True))


def count_parameters(path: str) -> t.Optional[int]:
    """Elements of all tensors by the file's header: eight bytes of length, then JSON. Packed integer tensors are not parameters: None."""
    try:
        with open(path, "rb") as handle:
            (length,) = struct.unpack("<Q", handle.read(8))
            if length > MAX_HEADER_BYTES:
                raise ValueError("header of %d bytes" % length)
            header = json.loads(handle.read(length).decode("utf-8"))
        total = 0
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            if tensor["dtype"] not in ("F16", "BF16", "F32", "F64"):
                return None
            count = 1
            for extent in tensor["shape"]:
                count *= extent
            total += count
        return total
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelError("%s: not a safetensors file, or cut short (%s); download it again" % (path, error)) from error


def with_quantization(config: t.Dict[str, t.Any], beside: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """NVIDIA's checkpoints may have their format in a file beside the configuration, which the engine reads too."""
    found = beside.get("quantization")
    if not isinstance(found, dict) or config.get("quantization_config"):
        return config
    return {**config, "quantization_config": {"quant_method": "modelopt", **found}}


def _read_json(folder: str, name: str, optional: bool = False) -> t.Dict[str, t.Any]:
    path = os.path.join(folder, name)
    if optional and not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as handle:
            content = json.load(handle)
    except OSError as error:
        raise ModelError("%s: cannot be read: %s" % (path, error.strerror or error)) from error
    except ValueError as error:
        raise ModelError("%s: not valid JSON: %s" % (path, error)) from error
    if not isinstance(content, dict):
        raise ModelError("%s: must hold a JSON object" % path)
    return content


def _chat_template(folder: str, tokenizer_config: t.Mapping[str, t.Any]) -> str:
    try:
        with open(os.path.join(folder, "chat_template.jinja"), encoding="utf-8") as handle:
            return handle.read()
    except OSError:
        pass
    template = tokenizer_config.get("chat_template")
    if isinstance(template, list):
        return "\n".join(str(entry.get("template", "")) for entry in template if isinstance(entry, dict))
    return template if isinstance(template, str) else ""
