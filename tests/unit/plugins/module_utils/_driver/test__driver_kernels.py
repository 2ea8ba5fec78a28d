# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of a host and what follows them. The package lists are constructed from the names that Ubuntu and Debian use."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._driver._kernels import flavour_of, headers_for, kernels
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import Host, Package


def host(distribution: str, release: str, running: str, *names: str) -> Host:
    return Host(distribution, release, running_kernel=running, packages=tuple(Package(name, "1") for name in names))


@pytest.mark.parametrize(
    ("kernel", "distribution", "release", "flavour"),
    [
        ("6.8.0-117-generic", "ubuntu", "24.04", "generic"),
        ("6.17.0-23-generic", "ubuntu", "24.04", "generic-hwe-24.04"),
        ("5.15.0-160-generic", "ubuntu", "22.04", "generic"),
        ("6.8.0-117-generic", "ubuntu", "22.04", "generic-hwe-22.04"),
        ("7.0.0-30-generic", "ubuntu", "26.04", "generic"),
        ("6.8.0-1058-nvidia", "ubuntu", "24.04", "nvidia"),
        ("6.8.0-1060-aws", "ubuntu", "24.04", "aws"),
        ("6.8.0-60-generic-64k", "ubuntu", "24.04", "generic-64k"),
        ("6.1.0-40-amd64", "debian", "12", "amd64"),
        ("6.1.0-40-cloud-amd64", "debian", "12", "cloud-amd64"),
        ("6.12.57+deb13-amd64", "debian", "13", "amd64"),
        ("6.12.57+deb13-cloud-amd64", "debian", "13", "cloud-amd64"),
        ("6.1.0-40-rt-amd64", "debian", "12", "rt-amd64"),
        ("6.12.57+deb13-arm64", "debian", "13", "arm64"),
        ("6.17.0-112020-tuxedo", "ubuntu", "24.04", None),
        ("6.9.1-custom", "debian", "12", None),
        ("6.9.1", "debian", "12", None),
        ("", "debian", "12", None),
    ],
)
def test_flavour_of_a_kernel(kernel: str, distribution: str, release: str, flavour: t.Optional[str]) -> None:
    assert flavour_of(kernel, distribution, release) == flavour


def test_a_fresh_ubuntu() -> None:
    found = kernels(host("ubuntu", "24.04", "6.8.0-117-generic", "linux-image-generic", "linux-image-6.8.0-117-generic", "linux-generic"))
    assert found.flavours == ("generic",)
    assert found.releases == ("6.8.0-117-generic",)
    assert headers_for(found) == ["linux-headers-generic"]


def test_the_hardware_enablement_stack_beside_the_first_kernel() -> None:
    names = ["linux-image-generic", "linux-image-generic-hwe-24.04", "linux-image-6.8.0-117-generic", "linux-image-6.17.0-23-generic"]
    found = kernels(host("ubuntu", "24.04", "6.17.0-23-generic", *names))
    assert headers_for(found) == ["linux-headers-generic", "linux-headers-generic-hwe-24.04"]
    assert found.releases == ("6.8.0-117-generic", "6.17.0-23-generic")


def test_a_newer_kernel_without_its_metapackage_gets_the_one_that_follows_it() -> None:
    found = kernels(host("ubuntu", "24.04", "6.17.0-23-generic", "linux-image-generic", "linux-image-6.17.0-23-generic"))
    assert found.flavours == ("generic", "generic-hwe-24.04")


def test_the_edge_stack_follows_its_kernel() -> None:
    found = kernels(host("ubuntu", "24.04", "6.17.0-23-generic", "linux-image-generic-hwe-24.04-edge", "linux-image-6.17.0-23-generic"))
    assert found.flavours == ("generic-hwe-24.04-edge",)


def test_a_virtual_machine_of_ubuntu_has_generic_kernels() -> None:
    assert kernels(host("ubuntu", "24.04", "6.8.0-117-generic", "linux-image-virtual", "linux-image-6.8.0-117-generic")).flavours == ("generic",)


def test_cloud_and_plain_kernels_of_debian() -> None:
    names = [
        "linux-image-amd64",
        "linux-image-cloud-amd64",
        "linux-image-6.12.57+deb13-amd64",
        "linux-image-6.12.57+deb13-cloud-amd64",
        "linux-image-amd64-dbg",
    ]
    found = kernels(host("debian", "13", "6.12.57+deb13-cloud-amd64", *names))
    assert headers_for(found) == ["linux-headers-amd64", "linux-headers-cloud-amd64"]
    assert len(found.releases) == 2


def test_unsigned_kernels_count_as_the_same() -> None:
    found = kernels(host("debian", "12", "6.1.0-40-amd64", "linux-image-6.1.0-40-amd64-unsigned"))
    assert (found.releases, found.flavours) == (("6.1.0-40-amd64",), ("amd64",))


def test_a_kernel_of_ones_own_is_named() -> None:
    found = kernels(host("debian", "12", "6.9.1-custom", "linux-image-6.9.1-custom"))
    assert (found.flavours, found.unfollowed) == ((), ("6.9.1-custom",))


def test_a_container_has_none() -> None:
    assert kernels(Host("debian", "12")) == ((), (), ())
