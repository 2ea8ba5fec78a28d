# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of packages hold together."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._driver import _packages as packages
from ansible_collections.inferhost.llm.plugins.module_utils._driver._branches import (
    BRANCHES,
    CUDA_FLOORS,
    GENERATIONS,
    PREFERRED,
    PREFERRED_BLACKWELL,
    branch_named,
)
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import CUDA_REPO, DISTRIBUTION, FLAVOURS, MARKS, PROFILES

OFFERS = [pytest.param(offer, id="-".join((offer.source, offer.distribution, offer.release, offer.branch))) for offer in packages.OFFERS]


def test_the_releases_are_those_of_the_mission() -> None:
    assert packages.releases() == [("ubuntu", "22.04"), ("ubuntu", "24.04"), ("ubuntu", "26.04"), ("debian", "12"), ("debian", "13")]
    for row in packages.releases():
        assert packages.offers(CUDA_REPO, *row)
        assert packages.offers(DISTRIBUTION, *row)


@pytest.mark.parametrize("offer", OFFERS)
def test_an_offer_can_be_installed(offer: packages.Offer) -> None:
    branch = branch_named(offer.branch)
    assert branch is not None
    assert set(offer.flavours) <= set(branch.flavours)
    assert offer.evidence.mark in MARKS
    scheme = packages.SCHEMES[offer.scheme]
    for profile in PROFILES:
        for flavour in offer.flavours:
            names = packages.named(scheme.packages[profile, flavour], offer.branch)
            assert names
            assert all(re.match(r"^[a-z0-9][a-z0-9.+-]+$", name) for name in names), names


def test_no_row_is_there_twice() -> None:
    keys = [(offer.source, offer.distribution, offer.release, offer.branch) for offer in packages.OFFERS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("release", "branch", "components"),
    [
        ("22.04", "580", ("restricted",)),
        ("24.04", "580", ("restricted",)),
        ("26.04", "580", ("restricted",)),
        ("22.04", "595", ("restricted", "multiverse")),
        ("24.04", "595", ("restricted", "multiverse")),
        ("26.04", "595", ("restricted",)),
        ("24.04", "615", ("restricted", "multiverse")),
        ("26.04", "615", ("restricted", "multiverse")),
    ],
)
def test_components_of_ubuntu_differ_by_release_and_branch(release: str, branch: str, components: t.Tuple[str, ...]) -> None:
    (offer,) = (row for row in packages.offers(DISTRIBUTION, "ubuntu", release) if row.branch == branch)
    assert offer.components == components


@pytest.mark.parametrize(("distribution", "release"), [("ubuntu", "26.04"), ("debian", "13")])
def test_the_newest_repositories_have_no_580(distribution: str, release: str) -> None:
    assert "580" not in [offer.branch for offer in packages.offers(CUDA_REPO, distribution, release)]


@pytest.mark.parametrize("source", [CUDA_REPO, DISTRIBUTION])
def test_the_closed_module_ends_before_615(source: str) -> None:
    for offer in packages.OFFERS:
        if offer.source == source:
            assert offer.flavours == (("open",) if int(offer.branch) >= 615 else FLAVOURS), offer


def test_the_branch_is_in_the_names_of_ubuntu_up_to_580_only() -> None:
    for offer in packages.offers(CUDA_REPO, "ubuntu", "24.04"):
        assert offer.scheme == ("nvidia_suffixed" if int(offer.branch) <= 580 else "nvidia_plain")


def test_every_repository_has_a_place_for_the_checksum_of_its_keyring() -> None:
    assert {repository.name for repository in packages.REPOSITORIES} == set(packages.KEYRING_SHA256)
    for name, checksums in packages.KEYRING_SHA256.items():
        assert set(checksums) == set(packages.REPOSITORY_ARCHITECTURES.values()), name
        assert all(re.match(r"^[0-9a-f]{64}$", checksum) for checksum in checksums.values() if checksum), name
    found = [checksum for checksums in packages.KEYRING_SHA256.values() for checksum in checksums.values() if checksum]
    assert len(set(found)) == len(found), "each keyring names its own repository, so no two are alike"


def test_a_fingerprint_ends_as_its_key_file_is_called() -> None:
    for repository in packages.REPOSITORIES:
        assert (repository.key_file is None) == (repository.key_fingerprint is None)
        if repository.key_file and repository.key_fingerprint:
            assert re.match(r"^[0-9A-F]{40}$", repository.key_fingerprint)
            assert repository.key_fingerprint.lower().endswith(repository.key_file.replace(".pub", "").lower())


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("nvidia-dkms-580-open", True),
        ("libnvidia-compute", True),
        ("linux-modules-nvidia-580-server-open-generic", True),
        ("libcuda1", True),
        ("libcuda1-dbg", False),
        ("nvidia-container-toolkit", False),
        ("libnvidia-container1", False),
        ("cuda-toolkit-13-0", False),
    ],
)
def test_what_unattended_upgrades_leave_alone(name: str, matches: bool) -> None:
    assert any(re.match(pattern, name) for pattern in packages.UNATTENDED_PATTERNS) is matches


def test_the_preferred_branches_have_a_known_end() -> None:
    for name in (*PREFERRED, *PREFERRED_BLACKWELL):
        branch = branch_named(name)
        assert branch is not None
        assert branch.ends is not None
        assert branch.evidence.verified


def test_branches_of_a_cuda_major_are_not_older_than_its_floor() -> None:
    for branch in BRANCHES:
        if branch.cuda_major:
            assert int(branch.name) >= CUDA_FLOORS[branch.cuda_major]
            assert branch.cuda_major + 1 not in CUDA_FLOORS or int(branch.name) < CUDA_FLOORS[branch.cuda_major + 1]


def test_generations_follow_one_another() -> None:
    for before, after in zip(GENERATIONS, GENERATIONS[1:]):
        assert before.first <= before.last < after.first
