# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian image that a test machine boots from: its root is a logical volume, smaller than its group, on a partition of a GPT disk.

Nothing here needs a device mapper. LVM's own tools write their metadata without activating anything, and because the volume is one linear piece, its place
on the disk is known and the filesystem is written there; the guest's kernel is the first to map it.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import base_image
import engine

MIB, GIB = 1024**2, 1024**3
SUITE = "bookworm"
GROUP, VOLUME = "ubuntu-vg", "ubuntu-lv"
ROOT_DEVICE = "/dev/mapper/ubuntu--vg-ubuntu--lv"
# A partition for GRUB as installers leave it, then the one with the physical volume, whose first extent lies a MiB behind its begin.
TABLE = "label: gpt\nstart=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649\nstart=2MiB, size={size}MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\n"
PARTITION_START = 2 * MIB
EXTENTS_START = PARTITION_START + MIB
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps", "iproute2", "adduser", "ca-certificates",
    "linux-image-cloud-amd64", "initramfs-tools", "zstd", "lvm2", "openssh-server", "python3", "python3-apt",
)  # fmt: skip
TOOLS = {"mmdebstrap": "mmdebstrap", "sfdisk": "fdisk", "mke2fs": "e2fsprogs", "pvcreate": "lvm2", "losetup": "mount"}
# QEMU's own network is always the same, so nobody need ask for an address.
NETWORK = """\
[Unit]
Wants=network.target
Before=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
StandardError=journal+console
ExecStart=/usr/local/sbin/network-of-qemu

[Install]
WantedBy=multi-user.target
"""
NETWORK_SCRIPT = """\
#!/bin/sh -e
until card=$(ls /sys/class/net | grep -v lo); do sleep 1; done
ip link set lo up
ip link set "$card" up
ip address add 10.0.2.15/24 dev "$card"
ip route add default via 10.0.2.2
"""
# Ansible sends a module as a zip file of sources, which Python would compile for each task anew: seconds under emulation.
COMPILED = """\
import _imp
import marshal
import os
import zipimport

compile_source = zipimport._compile_source


def compiled(path, source):
    kept = f"/var/cache/compiled/{_imp.source_hash(0, source).hex()}"
    try:
        with open(kept, "rb") as stream:
            return marshal.loads(stream.read())
    except (OSError, EOFError, ValueError):
        code = compile_source(path, source)
    try:
        with open(f"{kept}.{os.getpid()}", "wb") as stream:
            marshal.dump(code, stream)
        os.replace(stream.name, kept)
    except OSError:
        pass
    return code


zipimport._compile_source = compiled
"""
FILES = {
    "etc/fstab": f"{ROOT_DEVICE} / ext4 errors=remount-ro 0 0\n",
    "etc/hostname": "inferhost-vm\n",
    "etc/hosts": "127.0.0.1 localhost inferhost-vm\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/systemd/system/network-of-qemu.service": NETWORK,
    "usr/local/sbin/network-of-qemu": NETWORK_SCRIPT,
    # The key of a run comes with the kernel's command line, so that the image holds none.
    "etc/ssh/sshd_config.d/run.conf": "AuthorizedKeysCommand /usr/local/sbin/key-of-this-run\nAuthorizedKeysCommandUser nobody\nUseDNS no\n",
    "usr/local/sbin/key-of-this-run": "#!/bin/sh\nexec sed -n 's/.*inferhost[.]key=\\([A-Za-z0-9+/=]*\\).*/ssh-ed25519 \\1/p' /proc/cmdline\n",
    "usr/lib/python3/dist-packages/compiled.py": COMPILED,
    "usr/lib/python3/dist-packages/compiled.pth": "import compiled\n",
    # The disks of these machines never lose their power.
    "etc/dpkg/dpkg.cfg.d/unsafe-io": "force-unsafe-io\n",
    "var/cache/compiled/README": "What Python made of sources in zip files.\n",
}
# What the initial file system needs to find the root; everything else it could hold costs seconds under emulation.
INITRAMFS = {
    "etc/initramfs-tools/conf.d/small": "MODULES=list\nCOMPRESS=zstd\nRESUME=none\n",
    "usr/share/initramfs-tools/modules.d/small": "virtio_pci\nvirtio_blk\nvirtio_net\ndm_mod\next4\ncrc32c_generic\ncrc32c_intel\n",
}
# What a server has and no test needs: seconds each under emulation.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "dpkg-db-backup.timer",
    "getty@tty1.service", "serial-getty@ttyS0.service", "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount", "modprobe@configfs.service", "modprobe@drm.service",
    "modprobe@efi_pstore.service", "modprobe@fuse.service", "systemd-pstore.service", "systemd-update-utmp.service",
)  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """What an image is made of. `downloads` lie in apt's cache and are not installed; `commands` run in the image at last, on this machine's processor."""

    packages: tuple[str, ...] = ()
    downloads: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    root_mib: int = 4096
    group_mib: int = 5120

    def key(self) -> str:
        """Changes with whatever changes the image."""
        parts = [repr(self), SUITE, base_image.MIRROR, *base_image.apt_settings(), Path(__file__).read_text(encoding="utf-8")]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Image:
    """A disk, and the kernel and initial file system that are on it as well."""

    disk: Path
    kernel: Path
    initrd: Path


def ensure(spec: Spec) -> Image:
    """The image, made here unless it is there already."""
    folder = engine.STATE / f"vm-{SUITE}-{spec.key()}"
    image = Image(folder / "disk.raw", folder / "vmlinuz", folder / "initrd.img")
    if not folder.is_dir():
        missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
        if missing:
            engine.apt_install(*missing, "debian-archive-keyring")
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _build(spec, partial)
        partial.rename(folder)
    return image


def _build(spec: Spec, folder: Path) -> None:
    tree = folder / "tree"
    _debootstrap(spec, folder, tree)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copyfile(next(iter(sorted((tree / "boot").glob(f"{name}-*")))), folder / name)
    disk = folder / "disk.raw"
    with disk.open("wb") as stream:
        stream.truncate(PARTITION_START + (spec.group_mib + 1) * MIB)
    subprocess.run(["sfdisk", "--quiet", str(disk)], input=TABLE.format(size=spec.group_mib), text=True, check=True)
    _make_group(disk, spec)
    offset = f"offset={EXTENTS_START},lazy_itable_init=1,lazy_journal_init=1"
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree), "-E", offset, str(disk), f"{spec.root_mib}M"], check=True)
    shutil.rmtree(tree)


def _debootstrap(spec: Spec, folder: Path, tree: Path) -> None:
    early = folder / "early"
    _write(early, INITRAMFS)
    packages = ",".join((*PACKAGES, *spec.packages))
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory", f"--include={packages}"]
    command += ["--skip=cleanup/apt/lists", f"--setup-hook=cp -r {early}/. $1/", *(f"--aptopt={line}" for line in base_image.apt_settings())]
    if spec.downloads:
        fetch = f"apt-get install --yes --no-install-recommends --download-only {' '.join(spec.downloads)}"
        command += ["--skip=cleanup/apt/cache", f"--customize-hook=chroot $1 {fetch}"]
    command += [f"--customize-hook=chroot $1 sh -ec {shlex.quote(line)}" for line in spec.commands]
    subprocess.run([*command, SUITE, str(tree), base_image.MIRROR], check=True)
    _write(tree, FILES)
    for script in (tree / "usr/local/sbin").iterdir():
        script.chmod(0o755)
    subprocess.run(["chroot", str(tree), "systemctl", "--quiet", "enable", "network-of-qemu", "ssh"], check=True)
    subprocess.run(["chroot", str(tree), "systemctl", "--quiet", "mask", *MASKED], check=True)
    shutil.rmtree(early)


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text, encoding="utf-8")


def _make_group(disk: Path, spec: Spec) -> None:
    """Physical volume, group and volume on the disk's second partition, as metadata alone."""
    where = ["--offset", str(PARTITION_START), "--sizelimit", str(spec.group_mib * MIB)]
    done = subprocess.run(["losetup", "--find", "--show", *where, str(disk)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise engine.NoEngine(f"no loop device to be had here: {done.stderr.strip()}")
    device = done.stdout.strip()
    # This machine's own volumes and its udev are none of our business.
    only = f'devices {{ use_devicesfile=0 filter=["a|^{device}$|", "r|.*|"] }} '
    only += "activation { udev_sync=0 udev_rules=0 monitoring=0 } backup { backup=0 archive=0 }"
    try:
        for command in (
            ["pvcreate", device],
            ["vgcreate", GROUP, device],
            ["lvcreate", "-an", "-Zn", "-Wn", "--size", f"{spec.root_mib}m", "--name", VOLUME, GROUP],
        ):
            subprocess.run([*command, "--quiet", "--driverloaded", "n", "--config", only], check=True, stderr=subprocess.DEVNULL)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
