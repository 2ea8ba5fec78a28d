# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module files. The object file is made by the C compiler with the section that the kernel's build would put into it."""

from __future__ import annotations

import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._module_files import (
    modinfo_section,
    module_file,
    module_path,
    modules_listed,
    parse_modinfo,
    user_space,
)
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import LINK, RELEASE, failed, put, reader

PATH = "/lib/modules/%s/updates/dkms/nvidia.ko" % RELEASE

# Constructed after what `modinfo nvidia` prints of the open module.
MODINFO = """filename:       /lib/modules/6.12.48+deb13-amd64/updates/dkms/nvidia.ko.xz
firmware:       nvidia/580.159.03/gsp_tu10x.bin
firmware:       nvidia/580.159.03/gsp_ga10x.bin
version:        580.159.03
license:        Dual MIT/GPL
signer:         DKMS module signing key
parm:           NVreg_EnableGpuFirmware:int
"""


def module_object(folder: Path, licence: str, version: str = "580.159.03") -> bytes:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler, so no object file can be made")
    source, target = folder / "module.c", folder / "module.o"
    source.write_text(
        '__attribute__((section(".modinfo"), used)) static const char info[] = "license=%s\\0version=%s\\0parm=a:b=c\\0";\nint dummy;\n' % (licence, version),
        encoding="ascii",
    )
    subprocess.run([compiler, "-c", "-o", str(target), str(source)], check=True)
    return target.read_bytes()


@pytest.mark.parametrize(("licence", "flavour"), [("Dual MIT/GPL", "open"), ("NVIDIA", "closed"), ("GPL", None)])
def test_the_licence_in_the_file_tells_the_flavour(tmp_path: Path, licence: str, flavour: t.Optional[str]) -> None:
    put(tmp_path, {PATH: ""})
    (tmp_path / PATH.lstrip("/")).write_bytes(module_object(tmp_path, licence))
    host = reader(tmp_path, {})
    assert module_file(host, PATH) == {"path": PATH, "version": "580.159.03", "license": licence, "flavour": flavour, "signer": None}
    assert host.unread == []


def test_modinfo_agrees_with_our_reading(tmp_path: Path) -> None:
    if shutil.which("modinfo", path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
        pytest.skip("no modinfo")
    path = tmp_path / "nvidia.ko"
    path.write_bytes(module_object(tmp_path, "NVIDIA"))
    facts = module_file(Reader(), str(path))
    assert facts == {"path": str(path), "version": "580.159.03", "license": "NVIDIA", "flavour": "closed", "signer": None}


def test_without_modinfo_a_compressed_module_is_not_known(tmp_path: Path) -> None:
    path = PATH + ".zst"
    host = reader(tmp_path, {path: "compressed"})
    assert module_file(host, path) == {"path": path, "version": None, "license": None, "flavour": None, "signer": None}
    assert [entry["what"] for entry in host.unread] == [path]


@pytest.mark.parametrize("content", ["", "no object", "\x7fELF\x02\x01", "\x7fELF\x02\x01" + "\0" * 64, "\x7fELF\x01\x01" + "\0" * 64])
def test_a_damaged_module_is_noted(tmp_path: Path, content: str) -> None:
    host = reader(tmp_path, {PATH: content})
    facts = module_file(host, PATH)
    assert facts is not None and facts["flavour"] is None
    assert [entry["what"] for entry in host.unread] == [PATH]


def test_a_section_that_is_not_there(tmp_path: Path) -> None:
    content = module_object(tmp_path, "GPL").replace(b".modinfo\0", b".notinfo\0")
    with pytest.raises(ValueError, match=r"no section \.modinfo"):
        modinfo_section(content)


def test_no_module() -> None:
    assert module_file(Reader("/nonexistent"), None) is None


def test_what_modinfo_prints() -> None:
    fields = parse_modinfo(MODINFO)
    assert (fields["version"], fields["license"], fields["signer"]) == ("580.159.03", "Dual MIT/GPL", "DKMS module signing key")
    assert fields["firmware"] == "nvidia/580.159.03/gsp_tu10x.bin"


def test_names_of_the_module_in_every_distribution() -> None:
    listed = """kernel/nvidia-580srv-open/nvidia.ko: kernel/drivers/video/backlight.ko.zst
updates/dkms/nvidia-current.ko.xz:
updates/dkms/nvidia-current-open.ko.xz:
extra/nvidia.ko.gz:
updates/dkms/nvidia-uvm.ko: updates/dkms/nvidia.ko
updates/dkms/nvidia-current-open-drm.ko.xz: updates/dkms/nvidia-current-open.ko.xz
kernel/drivers/i2c/busses/i2c-nvidia-gpu.ko.xz:
kernel/drivers/net/forcedeth.ko.xz:
"""
    assert modules_listed(listed) == [
        "kernel/nvidia-580srv-open/nvidia.ko",
        "updates/dkms/nvidia-current.ko.xz",
        "updates/dkms/nvidia-current-open.ko.xz",
        "extra/nvidia.ko.gz",
    ]


def test_the_first_listed_module_that_exists(tmp_path: Path) -> None:
    host = reader(tmp_path, {"/lib/modules/9/modules.dep": "updates/dkms/nvidia.ko:\nextra/nvidia.ko:\n", "/lib/modules/9/extra/nvidia.ko": ""})
    assert module_path(host, "9") == "/lib/modules/9/extra/nvidia.ko"
    assert module_path(host, "10") is None


def test_libraries_by_the_version_in_their_names(tmp_path: Path) -> None:
    folder = "/usr/lib/x86_64-linux-gnu/"
    names = ("libcuda.so", "libcuda.so.1", "libcuda.so.580.159.03", "libnvidia-ml.so.580.159.03", "libcudart.so.13.0.48", "libnvidia-ml.so.1")
    host = reader(
        tmp_path, {**{folder + name: "" for name in names}, "/usr/local/cuda-13.2/compat/libcuda.so.595.58.03": "", "/usr/local/cuda": LINK + "cuda-13.2"}
    )
    assert user_space(host) == [
        {"library": "libcuda", "version": "580.159.03", "path": folder + "libcuda.so.580.159.03", "compat": False},
        {"library": "libnvidia-ml", "version": "580.159.03", "path": folder + "libnvidia-ml.so.580.159.03", "compat": False},
        {"library": "libcuda", "version": "595.58.03", "path": "/usr/local/cuda-13.2/compat/libcuda.so.595.58.03", "compat": True},
    ]


def test_a_modinfo_that_fails_falls_back_to_the_file(tmp_path: Path) -> None:
    host = Reader(run=lambda command: failed(1, "modinfo: ERROR"))
    path = tmp_path / "nvidia.ko"
    path.write_bytes(module_object(tmp_path, "NVIDIA"))
    facts = module_file(host, str(path))
    assert facts is not None and facts["flavour"] == "closed"
