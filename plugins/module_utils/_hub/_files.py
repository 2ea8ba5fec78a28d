# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a model: which of them are wanted, and what says that one arrived whole."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import HubError

OWN_FOLDER = ".inferhost"
# What huggingface_hub keeps in a folder that it downloads into.
HUB_FOLDER = os.path.join(".cache", "huggingface")
_BLOCK = 1 << 20

# The same weights in another form, which the engine does not load where there are safetensors. Without a slash: the file's name in any folder.
OTHER_FORMS = (
    "*.bin", "*.pt", "*.pth", "*.ckpt", "*.gguf", "*.ggml", "*.h5", "*.msgpack", "*.ot", "*.onnx", "*.onnx_data", "*.tflite", "*.mlmodel", "*.llamafile",
    "consolidated*.safetensors", "original/*", "onnx/*", "openvino/*", "coreml/*", "gguf/*", "metal/*", "mlx/*",
)  # fmt: skip


class RemoteFile(t.NamedTuple):
    """`sha256` of what the hub keeps as a large file, `blob_id` (git's SHA-1) of the others; one of both may be empty, or both where a hub tells neither."""

    name: str
    size: int
    sha256: str = ""
    blob_id: str = ""


def matches(name: str, patterns: t.Iterable[str]) -> bool:
    """Shell patterns, on the whole path; those without a slash also on the file's name alone."""
    return any(fnmatch.fnmatchcase(name, one) or ("/" not in one and fnmatch.fnmatchcase(name.rpartition("/")[2], one)) for one in patterns)


def wanted(files: t.Sequence[RemoteFile], include: t.Sequence[str], exclude: t.Sequence[str]) -> list[RemoteFile]:
    """What to fetch: what `include` names, or else everything but a second copy of the weights; without what `exclude` names."""
    if include:
        chosen = [one for one in files if matches(one.name, include)]
    else:
        # What Mistral publishes beside the common layout counts as weights only where there is nothing else.
        common = any(one.name.endswith(".safetensors") and not matches(one.name, OTHER_FORMS) for one in files)
        chosen = [one for one in files if not (common and matches(one.name, OTHER_FORMS))]
    return sorted(one for one in chosen if not matches(one.name, exclude))


def is_below(name: str) -> bool:
    """Whether a name is a path that neither leaves the folder nor hides in ours."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") for part in parts) and not any(ord(c) < 32 or c == "\\" for c in name) and parts[0] != OWN_FOLDER


def check_names(files: t.Iterable[RemoteFile]) -> None:
    """The names come from somebody else's server and become paths."""
    for one in files:
        if not is_below(one.name):
            raise HubError("protocol", f"it lists a file with the name {one.name!r}, which is no path below the model's folder")
        if one.size < 0:
            raise HubError("protocol", f"it lists {one.name} with {one.size} bytes")


def total(files: t.Iterable[RemoteFile]) -> int:
    return sum(one.size for one in files)


def partial_name(one: RemoteFile) -> str:
    """Name of the file that holds what arrived so far; another content has another name, so that two are never mixed."""
    return hashlib.sha256("\n".join((one.name, str(one.size), one.sha256, one.blob_id)).encode()).hexdigest()[:32] + ".part"


def checked(path: str, one: RemoteFile, look: t.Callable[[], None] = lambda: None) -> tuple[str, str]:
    """Read a file once: its SHA-256, and what is wrong with it (empty: nothing)."""
    size = os.path.getsize(path)
    if size != one.size:
        return "", f"{size} bytes instead of {one.size}"
    sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with open(path, "rb") as stream:
        while chunk := stream.read(_BLOCK):
            sha256.update(chunk)
            if not one.sha256:
                blob.update(chunk)
            look()
    if one.sha256 and sha256.hexdigest() != one.sha256:
        return sha256.hexdigest(), f"SHA-256 {sha256.hexdigest()} instead of {one.sha256}"
    if not one.sha256 and one.blob_id and blob.hexdigest() != one.blob_id:
        return sha256.hexdigest(), f"git object {blob.hexdigest()} instead of {one.blob_id}"
    return sha256.hexdigest(), ""
