# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image for the probe, made of this machine's own files."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._container import _image as images
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._cuda import PROBE, last_answer

needs_loader = pytest.mark.skipif(not os.path.exists(images.LOADERS.get(os.uname().machine, "")), reason="this machine's loader of programs is not known")


@needs_loader
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its root folder, which shows that nothing is missing")
def test_the_probe_runs_with_the_files_of_the_image_alone(tmp_path: Path) -> None:
    made_of = images.parts(sys.executable, os.uname().machine)
    images.write(made_of, str(tmp_path / "root"), str(tmp_path / "image.tar"))
    command = ["chroot", str(tmp_path / "root"), made_of.python, *images.PYTHON_OPTIONS, "-c", PROBE, "libcuda.so.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The probe came as far as asking the loader for a library that is not there.
    assert "cannot open shared object file" in last_answer(done.stdout)["error"]


@needs_loader
def test_what_nvidias_hooks_look_for_is_there(tmp_path: Path) -> None:
    made_of = images.parts(sys.executable, os.uname().machine)
    images.write(made_of, str(tmp_path / "root"), str(tmp_path / "image.tar"))
    with tarfile.open(tmp_path / "image.tar") as packed:
        names = {member.name: member for member in packed.getmembers()}
    assert {"./etc/ld.so.cache", "./etc/ld.so.conf", "./etc/ld.so.conf.d", "./tmp", "." + made_of.loader} <= set(names)
    assert all((member.uid, member.gid) == (0, 0) for member in names.values())
    assert names["."].mode & 0o755 == 0o755


@needs_loader
def test_the_name_changes_with_the_files(tmp_path: Path) -> None:
    library = tmp_path / "lib.so"
    library.write_bytes(b"\x7fELF")
    made_of = images.Parts("/usr/bin/python3", (str(library),), "/lib64/ld.so")
    before = made_of.name
    assert made_of.name == before
    library.write_bytes(b"\x7fELF2")
    assert made_of.name != before


def test_data_that_is_mapped_is_left_out(tmp_path: Path) -> None:
    program, data, source = tmp_path / "python3", tmp_path / "locale-archive", tmp_path / "json.py"
    program.write_bytes(b"\x7fELF")
    data.write_bytes(b"data")
    source.write_text("", encoding="ascii")
    seen = [None, "[heap]", str(data), str(source), "/gone.so (deleted)"]
    assert images.chosen(str(program), seen) == tuple(sorted((str(program), str(source))))


def test_a_machine_whose_loader_is_not_known() -> None:
    with pytest.raises(ValueError, match="not known for riscv64"):
        images.parts(sys.executable, "riscv64")
