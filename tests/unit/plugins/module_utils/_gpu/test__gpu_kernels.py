# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._kernels import kernel_facts, release_of, release_order
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import FOLDER, LINK, RELEASE, reader

OLD, NEW = "6.12.43+deb13-amd64", "6.12.57+deb13-amd64"

# Three kernels: the running one complete, an older one whose module DKMS also built, a newer one without headers; and what a removed one left.
HOST = {
    "/proc/sys/kernel/osrelease": RELEASE + "\n",
    "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/vg0/root rd.luks.key=secret nomodeset consoleblank=0 iommu=pt modprobe.blacklist=nouveau\n",
    "/sys/module/module/parameters/sig_enforce": "N\n",
    "/boot/vmlinuz-" + OLD: "",
    "/boot/vmlinuz-" + RELEASE: "",
    "/boot/vmlinuz-" + NEW: "",
    "/boot/initrd.img-" + NEW: "",
    "/boot/vmlinuz-rescue": "",
    "/lib/modules/%s/kernel" % OLD: FOLDER,
    "/lib/modules/%s/modules.dep" % OLD: "updates/dkms/nvidia-modeset.ko.xz: updates/dkms/nvidia.ko.xz\nupdates/dkms/nvidia.ko.xz:\n",
    "/lib/modules/%s/updates/dkms/nvidia.ko.xz" % OLD: "",
    "/usr/src/linux-headers-%s/Makefile" % OLD: "",
    "/lib/modules/%s/kernel" % RELEASE: FOLDER,
    "/lib/modules/%s/build" % RELEASE: LINK + "/usr/src/linux-headers-" + RELEASE,
    "/usr/src/linux-headers-%s/Makefile" % RELEASE: "",
    "/lib/modules/%s/modules.dep" % RELEASE: "updates/dkms/nvidia.ko:\n",
    "/lib/modules/%s/kernel" % NEW: FOLDER,
    # The headers are gone, the link that the kernel's own package brings is not.
    "/lib/modules/%s/build" % NEW: LINK + "/usr/src/linux-headers-" + NEW,
    "/lib/modules/6.1.0-9-amd64/modules.dep.bin": "",
}


def test_installed_kernels(tmp_path: Path) -> None:
    facts = kernel_facts(reader(tmp_path, HOST))
    assert facts["running"] == RELEASE and facts["unsigned_modules_refused"] is False
    assert facts["installed"] == [
        {
            "release": OLD,
            "running": False,
            "image": True,
            "modules": True,
            "headers": "/usr/src/linux-headers-" + OLD,
            "nvidia_module": "/lib/modules/%s/updates/dkms/nvidia.ko.xz" % OLD,
        },
        # depmod's list names a file that is not there any more.
        {"release": RELEASE, "running": True, "image": True, "modules": True, "headers": "/lib/modules/%s/build" % RELEASE, "nvidia_module": None},
        {"release": NEW, "running": False, "image": True, "modules": True, "headers": None, "nvidia_module": None},
    ]


def test_of_the_command_line_only_words_about_cards(tmp_path: Path) -> None:
    assert kernel_facts(reader(tmp_path, HOST))["command_line"] == ["nomodeset", "iommu=pt", "modprobe.blacklist=nouveau"]


def test_a_container_has_no_kernels(tmp_path: Path) -> None:
    host = reader(tmp_path, {})
    assert kernel_facts(host) == {"running": None, "command_line": [], "installed": [], "unsigned_modules_refused": None}
    assert host.unread == []


@pytest.mark.parametrize(
    ("image", "release"),
    [("vmlinuz-6.8.0-31-generic", "6.8.0-31-generic"), ("vmlinux-6.1.0", "6.1.0"), ("vmlinuz-0-rescue", "0-rescue"), ("vmlinuz", None), ("config-6.1", None)],
)
def test_images(image: str, release: str) -> None:
    assert release_of(image) == release


def test_releases_in_order() -> None:
    assert sorted(["6.8.0-31-generic", "6.8.0-9-generic", "6.17.0-5-generic", RELEASE], key=release_order) == [
        "6.8.0-9-generic",
        "6.8.0-31-generic",
        RELEASE,
        "6.17.0-5-generic",
    ]
