# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image that can call CUDA, made of this host's own files: its Python, what the probe imports, and the libraries that these load.

Nothing is downloaded, and the image has what NVIDIA's hooks look for in one: a loader's cache and the folders of its configuration.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import typing as t

REPOSITORY = "inferhost/cuda-probe"

# Where the loader of programs is looked for, whatever folder it really lies in.
LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}
# What libcuda itself is linked to: all of the C library, and the compiler's.
LIBRARIES = ("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1")

# Isolated, and without what a site adds: the same in the container.
PYTHON_OPTIONS = ("-I", "-S")
# Tells which files a Python that does what the probe does has open.
TRACE = """
import ctypes, encodings.ascii, encodings.latin_1, json, os, sys
for name in sys.argv[1:]:
    try:
        ctypes.CDLL(name)
    except OSError:
        pass
modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
with open("/proc/self/maps") as maps:
    mapped = [line.split(None, 5)[5].strip() for line in maps if len(line.split(None, 5)) == 6]
print(json.dumps({"python": os.path.realpath(sys.executable), "files": [os.__file__, *modules, *mapped]}))
"""


class Parts(t.NamedTuple):
    """What goes into the image: the interpreter, the files under the paths that they have here, and the loader's well-known path."""

    python: str
    files: t.Tuple[str, ...]
    loader: str

    @property
    def libraries(self) -> t.List[str]:
        """Folders that the loader has to know."""
        return sorted({os.path.dirname(path) for path in self.files if ".so" in os.path.basename(path) and not path.endswith(".py")})

    @property
    def name(self) -> str:
        """Name of the image. It changes with the files, so that an upgraded host makes a new one."""
        states = [os.stat(path) for path in self.files]
        told = "".join("%s %d %d\n" % (path, state.st_size, state.st_mtime_ns) for path, state in zip(self.files, states))
        return "%s:%s" % (REPOSITORY, hashlib.sha256(told.encode()).hexdigest()[:12])


def parts(python: str, machine: str) -> Parts:
    """Look what the probe needs. Raises ValueError with the reason where this host cannot give it."""
    loader = LOADERS.get(machine, "")
    if not os.path.exists(loader):
        raise ValueError("no image can be made here: the loader of programs is not known for %s" % machine)
    done = subprocess.run(
        [python, *PYTHON_OPTIONS, "-c", TRACE, *LIBRARIES],
        capture_output=True,
        text=True,
        env=dict(os.environ, LC_ALL="C"),
        check=False,
    )
    if done.returncode != 0:
        raise ValueError("no image can be made here: %s" % (done.stderr.strip().splitlines() or ["%s fails" % python])[-1])
    seen = json.loads(done.stdout)
    return Parts(seen["python"], chosen(seen["python"], seen["files"]), loader)


def chosen(python: str, seen: t.Sequence[t.Optional[str]]) -> t.Tuple[str, ...]:
    """Of the files that were seen those that a program is made of: no caches, no data that is mapped, nothing deleted."""
    found = {python}
    for path in seen:
        if path and path.startswith("/") and os.path.isfile(path) and (path.endswith(".py") or _is_elf(path)):
            found.add(path)
    return tuple(sorted(found))


def write(made_of: Parts, folder: str, archive: str) -> None:
    """Lay the files out below `folder` and pack them. The host's ldconfig makes the links and the cache."""
    for path in made_of.files:
        _copy(path, folder + path)
    _copy(os.path.realpath(made_of.loader), folder + made_of.loader)
    for name in ("etc/ld.so.conf.d", "tmp", "proc", "sys", "dev"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    with open(os.path.join(folder, "etc/ld.so.conf"), "w", encoding="utf-8") as stream:
        stream.write("include /etc/ld.so.conf.d/*.conf\n" + "".join(name + "\n" for name in made_of.libraries))
    subprocess.run([_ldconfig(), "-r", folder], check=True, capture_output=True)
    with tarfile.open(archive, "w") as packed:
        packed.add(folder, arcname=".", filter=_of_root)


def _copy(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, target)


def _ldconfig() -> str:
    return next((path for path in ("/sbin/ldconfig.real", "/sbin/ldconfig", "/usr/sbin/ldconfig") if os.path.exists(path)), "ldconfig")


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The folders of a temporary place are closed to others, and the programs in the container may be anyone's."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode |= 0o755 if member.isdir() else 0o444
    return member


def _is_elf(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(4) == b"\x7fELF"
    except OSError:
        return False
