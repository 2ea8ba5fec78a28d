# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for a host with an NVIDIA card, as one archive to be unpacked at its root.  Usage: standins.py FOLDER PORT

In it: the repository of the container toolkit (real packages with the real names and dependencies, whose programs are the stand-ins), the driver's
library and nvidia-smi, and the files by which a kernel shows a card and a loaded module. FOLDER gets host.tar, and the checksum of the key.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

MOLECULE = Path(__file__).resolve().parents[1]
PROGRAMS = MOLECULE / "standins" / "programs"
sys.path[:0] = [str(MOLECULE / "standins"), str(MOLECULE / "resources")]

import debs
import engine

DRIVER = "580.159.03"
ARCHITECTURE = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
LIBRARIES = {"amd64": "/usr/lib/x86_64-linux-gnu", "arm64": "/usr/lib/aarch64-linux-gnu"}[ARCHITECTURE]
# The newest one in the repository is not the one that the role takes.
VERSIONS = ("1.19.0-1", "1.20.0-1")
CARD = {"address": "0000:01:00.0", "name": "NVIDIA RTX 4000 SFF Ada Generation", "memory_mib": 20475, "compute_cap": "8.9"}
STATE = {"driver_version": DRIVER, "cuda_version": "13.0", "cards": [CARD], "cuda": 0}

# A card on the bus, held by a loaded driver.
KERNEL = {
    "pci/0000:01:00.0/vendor": "0x10de\n",
    "pci/0000:01:00.0/device": "0x27b0\n",
    "pci/0000:01:00.0/class": "0x030200\n",
    "pci/0000:01:00.0/subsystem_vendor": "0x10de\n",
    "pci/0000:01:00.0/subsystem_device": "0x16fa\n",
    "module/nvidia/version": f"{DRIVER}\n",
    "module/nvidia_uvm/refcnt": "0\n",
}
REFRESH_SERVICE = """\
[Unit]
Description=Stand-in for the refresher of NVIDIA's CDI specification
ConditionPathExists=/usr/bin/nvidia-smi
ConditionPathExists=/usr/bin/nvidia-ctk

[Service]
Type=oneshot
Environment=NVIDIA_CTK_CDI_OUTPUT_FILE_PATH=/var/run/cdi/nvidia.yaml
EnvironmentFile=-/etc/nvidia-container-toolkit/nvidia-cdi-refresh.env
ExecStart=/usr/bin/nvidia-ctk cdi generate
RemainAfterExit=yes

[Install]
WantedBy=multi-user.target
"""
REFRESH_PATH = """\
[Unit]
Description=Stand-in for what watches the driver

[Path]
PathChanged=/lib/modules/%v/modules.dep

[Install]
WantedBy=multi-user.target
"""
REPOSITORY_SERVICE = """\
[Unit]
Description=Stand-in for NVIDIA's repository

[Service]
ExecStart=/usr/bin/{command}

[Install]
WantedBy=multi-user.target
"""
RUNTIME = b'#!/bin/sh\n# STAND-IN for nvidia-container-runtime: an engine with CDI does not need its changes.\nexec runc "$@"\n'


def toolkit(version: str) -> list[debs.Deb]:
    """The four packages of one version, which depend on each other by it."""
    programs = {f"/usr/bin/{name}": ((PROGRAMS / name).read_bytes(), 0o755) for name in ("nvidia-ctk", "nvidia-cdi-hook")}
    units = {
        "/etc/systemd/system/nvidia-cdi-refresh.service": (REFRESH_SERVICE.encode(), 0o644),
        "/etc/systemd/system/nvidia-cdi-refresh.path": (REFRESH_PATH.encode(), 0o644),
    }
    reload = "#!/bin/sh\nset -e\n[ ! -d /run/systemd/system ] || systemctl daemon-reload\n"
    base = {**programs, **units, "/usr/bin/nvidia-container-runtime": (RUNTIME, 0o755)}
    return [
        debs.Deb("libnvidia-container1", version, ARCHITECTURE),
        debs.Deb("libnvidia-container-tools", version, ARCHITECTURE, depends=(f"libnvidia-container1 (= {version})",)),
        debs.Deb("nvidia-container-toolkit-base", version, ARCHITECTURE, files=base, scripts={"postinst": reload, "postrm": reload}),
        debs.Deb(
            "nvidia-container-toolkit",
            version,
            ARCHITECTURE,
            depends=(f"libnvidia-container-tools (= {version})", f"nvidia-container-toolkit-base (= {version})"),
        ),
    ]


def libcuda(target: Path) -> None:
    if shutil.which("cc") is None:
        engine.apt_install("gcc", "libc6-dev")
    command = ["cc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(target), str(PROGRAMS / "libcuda.c")]
    subprocess.run(command, check=True)


def put(root: Path, path: str, content: bytes, mode: int = 0o644) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(mode)


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("gpg") is None:
        engine.apt_install("gpg", "gpg-agent")
    with tempfile.TemporaryDirectory(prefix="standins-") as temporary:
        # Not in FOLDER: the path of the agent's socket may not be long.
        key = debs.SigningKey(Path(temporary) / "key")
        root = Path(temporary) / "root"
        repository = root / "srv/standins"
        debs.write_repository(repository, [deb for version in VERSIONS for deb in toolkit(version)], key)
        command = shlex.join(debs.server_command("/srv/standins", port))
        put(root, "/etc/systemd/system/standin-repository.service", REPOSITORY_SERVICE.format(command=command).encode())
        put(root, f"{LIBRARIES}/libcuda.so.{DRIVER}", b"")
        libcuda(root / f"{LIBRARIES}/libcuda.so.{DRIVER}".lstrip("/"))
        put(root, "/usr/bin/nvidia-smi", (PROGRAMS / "nvidia-smi").read_bytes(), 0o755)
        put(root, "/etc/standin-gpu.json", json.dumps(STATE).encode())
        for path, text in KERNEL.items():
            put(root, f"/srv/kernel/{path}", text.encode())
        (root / "srv/kernel/pci/0000:01:00.0/driver").symlink_to("/sys/bus/pci/drivers/nvidia")
        (folder / "key.sha256").write_text(hashlib.sha256((repository / "key.asc").read_bytes()).hexdigest(), encoding="ascii")
        with tarfile.open(folder / "host.tar", "w") as archive:
            for path in sorted(root.iterdir()):
                archive.add(path, arcname=path.name, filter=_of_root)


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.mode |= 0o755 if member.isdir() else 0o444
    return member


if __name__ == "__main__":
    main()
