# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver decision: each rule, each refusal, and the document that a role works through."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._driver._packages import KEYRING_SHA256
from ansible_collections.inferhost.llm.plugins.module_utils._driver._plan import decide
from ansible_collections.inferhost.llm.plugins.module_utils._driver._text import render
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import Card, DriverInputError, Host, Module, Package, Wishes, branch_of
from ansible_collections.inferhost.llm.tests.unit.plugins.driver_table import catalogue, fresh

CARDS = {card.name: card for card in catalogue()}
V100 = CARDS["Tesla V100-SXM2-32GB"]
PASCAL = CARDS["any Pascal card"]
T4 = CARDS["Tesla T4"]
ADA = CARDS["NVIDIA RTX 4000 SFF Ada Generation"]
H200 = CARDS["NVIDIA H200"]
GH200 = CARDS["NVIDIA GH200 480GB"]
B200 = CARDS["NVIDIA B200"]
PRO6000 = CARDS["NVIDIA RTX PRO 6000 Blackwell Workstation Edition"]
GB10 = CARDS["NVIDIA GB10"]

NOBLE = fresh("ubuntu", "24.04")
RESOLUTE = fresh("ubuntu", "26.04")
BOOKWORM = fresh("debian", "12")
TRIXIE = fresh("debian", "13")


def plan(cards: t.Union[Card, t.Sequence[Card]], host: Host = NOBLE, **wishes: t.Any) -> t.Dict[str, t.Any]:
    return decide([cards] if isinstance(cards, Card) else cards, host, Wishes(**wishes))


def installs(document: t.Dict[str, t.Any]) -> t.List[str]:
    return [row["name"] for row in document["install"]]


def codes(document: t.Dict[str, t.Any]) -> t.List[str]:
    return [row["code"] for row in document["warnings"]]


def step(document: t.Dict[str, t.Any], name: str) -> t.Dict[str, t.Any]:
    found = [row for row in document["steps"] if row["name"] == name]
    assert len(found) == 1, [row["name"] for row in document["steps"]]
    return found[0]


def with_packages(host: Host, **packages: str) -> Host:
    return host._replace(packages=tuple(Package(name.replace("__", "."), version) for name, version in packages.items()))


# Branch and flavour


@pytest.mark.parametrize(
    ("cards", "host", "branch", "flavour"),
    [
        (ADA, NOBLE, "580", "open"),
        ([ADA, T4, H200], NOBLE, "580", "open"),
        (PRO6000, NOBLE, "595", "open"),
        ([PRO6000, B200, GB10], NOBLE, "595", "open"),
        ([PRO6000, ADA], NOBLE, "580", "open"),
        (GH200, NOBLE, "580", "open"),
        (V100, NOBLE, "580", "closed"),
        (PASCAL, BOOKWORM, "580", "closed"),
        ([V100, ADA], NOBLE, "580", "closed"),
        (ADA, RESOLUTE, "595", "open"),
        (ADA, TRIXIE, "595", "open"),
    ],
)
def test_auto(cards: t.Any, host: Host, branch: str, flavour: str) -> None:
    document = plan(cards, host)
    assert (document["state"], document["source"], document["branch"], document["flavour"]) == ("change", "cuda_repo", branch, flavour)


@pytest.mark.parametrize(
    ("host", "card", "branch", "flavour"),
    [
        (NOBLE, ADA, "580", "open"),
        (RESOLUTE, V100, "580", "closed"),
        (BOOKWORM, ADA, "535", "closed"),
        (BOOKWORM, GH200, "535", "open"),
        (TRIXIE, ADA, "550", "open"),
        (TRIXIE, V100, "550", "closed"),
    ],
)
def test_auto_from_the_distribution(host: Host, card: Card, branch: str, flavour: str) -> None:
    document = plan(card, host, source="distribution")
    assert (document["branch"], document["flavour"]) == (branch, flavour)


def test_an_explicit_branch_and_flavour_are_taken() -> None:
    document = plan(ADA, branch="595", flavour="closed")
    assert (document["branch"], document["flavour"]) == ("595", "closed")
    assert installs(document) == ["nvidia-driver-pinning-595", "libnvidia-compute", "nvidia-dkms", "nvidia-persistenced"]


def test_every_decision_says_why_and_how_well_that_is_known() -> None:
    for card in (ADA, V100, PRO6000):
        document = plan(card, cuda_major=13)
        assert {row["what"] for row in document["decisions"]} == {"source", "branch", "flavour", "modules", "packages", "cuda_major"}
        for row in document["decisions"]:
            assert row["reason"]
            assert row["evidence"]["mark"] in ("read", "seen", "known")
            assert row["evidence"]["where"]


def test_the_reason_of_the_branch_names_the_cards_that_forced_it() -> None:
    (reason,) = (row["reason"] for row in plan([V100, ADA])["decisions"] if row["what"] == "branch")
    assert reason == "the last branch for Tesla V100-SXM2-32GB"


# Refusals


@pytest.mark.parametrize(
    ("cards", "host", "wishes", "code", "said", "remedy"),
    [
        (PRO6000, BOOKWORM, {"source": "distribution"}, "branch_too_old", "needs branch 570 or newer", "source=cuda_repo"),
        (PRO6000, TRIXIE, {"source": "distribution"}, "branch_too_old", "has 550", "source=cuda_repo"),
        (V100, TRIXIE, {}, "branch_too_new", "not supported after branch 580", "source=distribution, which would give branch 550"),
        (V100, RESOLUTE, {}, "branch_too_new", "not supported after branch 580", "source=distribution, which would give branch 580"),
        (V100, NOBLE, {"branch": "595"}, "branch_too_new", "Volta", None),
        (PRO6000, NOBLE, {"flavour": "closed"}, "closed_impossible", "refuses", "auto"),
        (GH200, NOBLE, {"flavour": "closed"}, "closed_impossible", "refuses", "auto"),
        (PASCAL, NOBLE, {"flavour": "open"}, "open_impossible", "GSP", "auto"),
        (V100, NOBLE, {"flavour": "open"}, "open_impossible", "GSP", "auto"),
        (ADA, NOBLE, {"branch": "615", "flavour": "closed"}, "flavour_not_offered", "615", None),
        ([V100, PRO6000], NOBLE, {}, "mixed_cards", "No kernel module serves all", "virtual machine"),
        (ADA, BOOKWORM, {"source": "distribution", "cuda_major": 13}, "branch_without_cuda", "CUDA 13 needs driver 580", "source=cuda_repo"),
        (ADA, NOBLE, {"cuda_major": 14}, "branch_without_cuda", "CUDA 14", None),
        (ADA, TRIXIE, {"branch": "580"}, "branch_not_offered", "no branch 580", "595"),
        (ADA, NOBLE, {"source": "distribution", "branch": "570"}, "branch_not_offered", "only pull 580", "580"),
        (ADA, NOBLE, {"branch": "620"}, "branch_not_offered", "620", "615"),
        (ADA, Host("debian", "11"), {}, "unsupported_release", "debian 11", "debian 12"),
        (ADA, Host("fedora", "43"), {}, "unsupported_release", "fedora 43", "ubuntu 24.04"),
        (ADA, NOBLE._replace(architecture="ppc64le"), {}, "unsupported_architecture", "ppc64le", None),
        (ADA, NOBLE._replace(secure_boot=True), {}, "secure_boot_dkms", "DKMS", "source=distribution"),
        (ADA, TRIXIE._replace(secure_boot=True), {}, "secure_boot_dkms", "DKMS", "mokutil --import /var/lib/dkms/mok.pub"),
        (H200, TRIXIE._replace(nvswitch=True), {"source": "distribution"}, "fabric_manager_not_offered", "NVSwitches", "source=cuda_repo"),
        (Card("NVIDIA card (10de:102d, not in the catalogue)", None, "unknown"), NOBLE, {}, "card_not_known", "10de:102d", "branch and a flavour"),
    ],
)
def test_refusals(cards: t.Any, host: Host, wishes: t.Dict[str, t.Any], code: str, said: str, remedy: t.Optional[str]) -> None:
    document = plan(cards, host, **wishes)
    assert document["state"] == "refused"
    assert document["refusal"]["code"] == code, document["refusal"]
    assert said in document["refusal"]["message"]
    if remedy:
        assert any(remedy in line for line in document["refusal"]["remedies"]), document["refusal"]["remedies"]
    assert (document["steps"], document["install"], document["remove"], document["branch"]) == ([], [], [], None)
    assert "REFUSED %s" % code in render(document)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"source": "ppa"}, "source: must be one of cuda_repo, distribution, auto"),
        ({"flavour": "nouveau"}, "flavour: must be one of"),
        ({"profile": "gaming"}, "profile: must be one of"),
        ({"branch": "581"}, "branch: '581' is not a driver branch"),
        ({"cuda_major": -1}, "cuda_major: must be 0 (any) or above"),
    ],
)
def test_wishes_that_make_no_sense(wishes: t.Dict[str, t.Any], said: str) -> None:
    with pytest.raises(DriverInputError) as error:
        plan(ADA, **wishes)
    assert said in str(error.value)


def test_an_unknown_distribution_is_not_guessed() -> None:
    with pytest.raises(DriverInputError):
        plan(ADA, Host("", ""))


def test_a_host_without_a_card_has_nothing_to_do() -> None:
    document = plan([])
    assert (document["state"], document["refusal"], document["steps"]) == ("nothing_to_do", None, [])
    assert "no NVIDIA card: nothing to do" in render(document)


def test_a_card_that_nobody_knows_is_served_as_asked() -> None:
    document = plan(Card("NVIDIA card (10de:102d, not in the catalogue)", None, "unknown"), branch="580", flavour="closed")
    assert document["state"] == "change"
    assert "card_not_known" in codes(document)


def test_a_newer_chip_than_the_catalogue_gets_the_open_module() -> None:
    document = plan(Card("NVIDIA card (10de:3fff, not in the catalogue)", None, "required"))
    assert (document["branch"], document["flavour"]) == ("595", "open")


# Source left to the plan


@pytest.mark.parametrize(
    ("card", "host", "source", "branch"),
    [
        (ADA, NOBLE, "cuda_repo", "580"),
        (V100, RESOLUTE, "distribution", "580"),
        (V100, TRIXIE, "distribution", "550"),
        (ADA, NOBLE._replace(secure_boot=True), "distribution", "580"),
    ],
)
def test_the_first_source_that_serves(card: Card, host: Host, source: str, branch: str) -> None:
    document = plan(card, host, source="auto")
    assert (document["source"], document["branch"]) == (source, branch)


def test_no_source_serves() -> None:
    document = plan(V100, TRIXIE, source="auto", cuda_major=13)
    assert document["refusal"]["code"] == "branch_too_new"
    (remedy,) = document["refusal"]["remedies"]
    assert "ubuntu 24.04 (source=cuda_repo), ubuntu 24.04 (source=distribution), ubuntu 26.04 (source=distribution), debian 12 (source=cuda_repo)" in remedy


def test_what_no_release_serves_has_no_remedy() -> None:
    assert plan(ADA, cuda_major=14)["refusal"]["remedies"] == []


# Modules and kernels


def test_ubuntu_has_signed_modules_for_each_kernel_flavour() -> None:
    host = with_packages(NOBLE, **{"linux-image-generic": "1", "linux-image-generic-hwe-24.04": "1"})._replace(secure_boot=True)
    document = plan(ADA, host, source="distribution")
    assert document["modules"] == "prebuilt"
    required = [row["package"] for row in document["kernel_packages"] if row["required"]]
    assert required == ["linux-modules-nvidia-580-server-open-generic", "linux-modules-nvidia-580-server-open-generic-hwe-24.04"]
    driver = step(document, "driver")
    assert driver["if_available"] == ["linux-modules-nvidia-580-server-open-6.8.0-117-generic"]
    assert driver["must_not_change"] == ["linux-image-"]
    assert not [row for row in document["steps"] if row["name"] == "headers"]


def test_a_kernel_that_ubuntu_builds_no_module_for_is_built_for_here() -> None:
    host = with_packages(NOBLE, **{"linux-image-generic": "1", "linux-image-ibm": "1"})
    document = plan(ADA, host, source="distribution")
    assert document["modules"] == "dkms"
    assert "nvidia-headless-580-server-open" in installs(document)
    assert step(document, "headers")["install"] == ["linux-headers-generic", "linux-headers-ibm"]
    assert [row["must_not_change"] for row in document["steps"]] == [["linux-image-"], ["linux-image-"]]


def test_headers_come_before_the_driver_and_for_every_kernel() -> None:
    host = with_packages(TRIXIE, **{"linux-image-amd64": "1", "linux-image-cloud-amd64": "1", "linux-image-6__12__43+deb13-cloud-amd64": "1"})
    document = plan(ADA, host)
    assert [row["name"] for row in document["steps"]] == ["pin", "headers", "driver"]
    headers = step(document, "headers")
    assert headers["install"] == ["linux-headers-amd64", "linux-headers-cloud-amd64"]
    assert headers["if_available"] == ["linux-headers-6.12.43+deb13-cloud-amd64", "linux-headers-6.12.57+deb13-amd64"]


def test_an_own_kernel_is_warned_about() -> None:
    document = plan(ADA, BOOKWORM._replace(running_kernel="6.9.1-custom"))
    assert "kernel_without_metapackage" in codes(document)
    assert step(document, "headers")["if_available"] == ["linux-headers-6.9.1-custom"]


def test_an_enrolled_key_lets_dkms_through() -> None:
    assert plan(ADA, TRIXIE._replace(secure_boot=True, mok_enrolled=True))["state"] == "change"


# Packages


@pytest.mark.parametrize(
    ("card", "host", "wishes", "names"),
    [
        (
            ADA,
            NOBLE,
            {},
            ["nvidia-driver-pinning-580", "libnvidia-compute-580", "nvidia-dkms-580-open", "nvidia-utils-580", "nvidia-persistenced"],
        ),
        (V100, NOBLE, {"profile": "full"}, ["nvidia-driver-pinning-580", "cuda-drivers-580"]),
        (PRO6000, NOBLE, {"profile": "full"}, ["nvidia-driver-pinning-595", "nvidia-open"]),
        (PRO6000, TRIXIE, {}, ["nvidia-driver-pinning-595", "nvidia-driver-cuda", "nvidia-kernel-open-dkms", "nvidia-persistenced"]),
        (PRO6000, NOBLE, {"source": "distribution"}, ["nvidia-headless-no-dkms-595-server-open", "nvidia-utils-595-server"]),
        (V100, RESOLUTE, {"source": "distribution"}, ["nvidia-headless-no-dkms-580-server", "nvidia-utils-580-server"]),
        (ADA, TRIXIE, {"source": "distribution"}, ["nvidia-open-kernel-dkms", "firmware-nvidia-gsp", "libcuda1", "nvidia-smi", "nvidia-persistenced"]),
    ],
)
def test_packages(card: Card, host: Host, wishes: t.Dict[str, t.Any], names: t.List[str]) -> None:
    assert installs(plan(card, host, **wishes)) == names


def test_the_pin_comes_first_and_alone() -> None:
    document = plan(PRO6000)
    assert document["steps"][0]["name"] == "pin"
    assert document["steps"][0]["install"] == ["nvidia-driver-pinning-595"]
    assert "nvidia-driver-pinning-595" not in step(document, "driver")["install"]


def test_the_repository_of_the_release() -> None:
    repository = plan(ADA, TRIXIE)["repository"]
    assert repository["url"] == "https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64/"
    assert repository["key_url"] == repository["url"] + "8793F200.pub"
    assert repository["keyring_url"] == repository["url"] + "cuda-keyring_1.1-1_all.deb"
    assert repository["keyring_sha256"] == KEYRING_SHA256["debian13"]["x86_64"]
    assert plan(ADA, source="distribution")["repository"] is None


def test_an_arm_host_reads_another_folder() -> None:
    document = plan(GH200, NOBLE._replace(architecture="aarch64"))
    assert document["repository"]["url"].endswith("/ubuntu2404/sbsa/")
    assert "architecture_not_checked" in codes(document)


def test_the_two_sources_do_not_mix() -> None:
    ours = plan(ADA)["apt"]["preferences"]
    assert {row["pin"]: row["priority"] for row in ours} == {"release o=Ubuntu": -1, "version 580.*": 1001}
    (theirs,) = plan(ADA, source="distribution")["apt"]["preferences"]
    assert (theirs["pin"], theirs["priority"]) == ("origin developer.download.nvidia.com", -1)
    assert not [name for name in theirs["packages"] if "container" in name]


# NVSwitch


def test_the_fabric_manager_comes_in_the_drivers_version() -> None:
    document = plan(H200, NOBLE._replace(nvswitch=True))
    fabric = step(document, "fabric")
    assert (fabric["install"], fabric["same_version"]) == (["nvidia-fabricmanager"], ["nvidia-fabricmanager"])
    assert document["services"] == ["nvidia-persistenced", "nvidia-fabricmanager"]
    assert document["expect"]["same_version"] == ["module", "user_space", "fabric_manager"]


def test_nvlink_5_needs_the_subnet_manager() -> None:
    fabric = step(plan(B200, NOBLE._replace(nvswitch=True)), "fabric")
    assert fabric["install"] == ["nvidia-fabricmanager", "nvlsm", "libnvsdm"]
    assert "nvlsm" not in fabric["same_version"]
    assert "nvlsm_not_offered" in codes(plan(B200, NOBLE._replace(nvswitch=True), source="distribution"))


def test_arm_boards_do_without_what_is_not_built_for_them() -> None:
    fabric = step(plan(B200, NOBLE._replace(nvswitch=True, architecture="aarch64")), "fabric")
    assert fabric["install"] == ["nvidia-fabricmanager", "nvlsm"]


def test_the_fabric_manager_of_ubuntu_is_in_multiverse() -> None:
    document = plan(H200, NOBLE._replace(nvswitch=True), source="distribution")
    assert document["apt"]["components"] == ["restricted", "multiverse"]
    assert "nvidia-fabricmanager-580" in installs(document)


def test_an_unknown_fabric_is_warned_about_for_such_cards_only() -> None:
    assert "nvswitch_not_known" in codes(plan(B200, NOBLE._replace(nvswitch=None)))
    assert "nvswitch_not_known" not in codes(plan(ADA, NOBLE._replace(nvswitch=None)))
    assert "nvswitch_not_known" not in codes(plan(H200, NOBLE))


# What is there already

INSTALLED_580 = {
    "nvidia-driver-pinning-580": "580-1ubuntu1",
    "libnvidia-compute-580": "580.178.04-1ubuntu1",
    "nvidia-dkms-580-open": "580.178.04-1ubuntu1",
    "nvidia-utils-580": "580.178.04-1ubuntu1",
    "nvidia-persistenced": "580.178.04-1ubuntu1",
    "linux-image-generic": "6.8.0-117.117",
    "linux-headers-generic": "6.8.0-117.117",
}
LOADED_580 = Module("nvidia", "580.178.04", "open")


def test_a_host_that_has_it_all_is_ready() -> None:
    document = plan(ADA, with_packages(NOBLE, **INSTALLED_580)._replace(module=LOADED_580))
    assert (document["state"], document["remove"], document["reboot"]["needed"]) == ("ready", [], False)
    assert "all of it is installed: nothing to do" in render(document)


@pytest.mark.parametrize("missing", sorted(set(INSTALLED_580) - {"linux-image-generic"}))
def test_a_host_that_lacks_one_package_is_not(missing: str) -> None:
    packages = {name: version for name, version in INSTALLED_580.items() if name != missing}
    assert plan(ADA, with_packages(NOBLE, **packages)._replace(module=LOADED_580))["state"] == "change"


def test_other_branches_go_in_the_same_transaction() -> None:
    host = with_packages(NOBLE, **INSTALLED_580, **{"libnvidia-compute-535": "535.183.01-0ubuntu0.24.04.1", "nvidia-driver-pinning-570": "570-1"})
    document = plan(ADA, host)
    assert step(document, "driver")["remove"] == ["libnvidia-compute-535"]
    assert step(document, "pin")["remove"] == ["nvidia-driver-pinning-570"]
    assert {row["name"]: row["reason"] for row in document["remove"]}["libnvidia-compute-535"] == "belongs to branch 535"


def test_leaving_nvidias_repository_takes_its_pin_along() -> None:
    document = plan(ADA, with_packages(NOBLE, **INSTALLED_580), source="distribution")
    assert document["steps"][0]["name"] == "pin"
    assert document["steps"][0]["remove"] == ["nvidia-driver-pinning-580"]
    assert "nvidia-dkms-580-open" in step(document, "driver")["remove"]


def test_going_back_needs_leave_to() -> None:
    newer = with_packages(NOBLE, **{"libnvidia-compute": "610.43.02-1ubuntu1"})
    assert plan(PRO6000, newer)["apt"]["allow_downgrades"] is True
    older = with_packages(NOBLE, **{"libnvidia-compute": "590.48.01-1ubuntu1"})
    assert plan(PRO6000, older)["apt"]["allow_downgrades"] is False


def test_holds_and_what_is_held_now() -> None:
    host = with_packages(NOBLE, **INSTALLED_580)._replace(held=("nvidia-dkms-580-open", "postgresql"))
    document = plan(ADA, host)
    assert [row["name"] for row in document["holds"]] == ["libnvidia-compute-580", "nvidia-dkms-580-open", "nvidia-utils-580", "nvidia-persistenced"]
    assert document["unhold"] == ["nvidia-dkms-580-open"]


def test_with_prebuilt_modules_the_kernel_is_held_too() -> None:
    names = [row["name"] for row in plan(ADA, source="distribution")["holds"]]
    assert names[-2:] == ["linux-modules-nvidia-580-server-open-generic", "linux-image-generic"]


def test_the_kernel_is_held_under_the_name_that_the_host_has_it_by() -> None:
    document = plan(ADA, with_packages(NOBLE, **{"linux-image-virtual": "1"}), source="distribution")
    assert [row["name"] for row in document["holds"]][-2:] == ["linux-modules-nvidia-580-server-open-generic", "linux-image-virtual"]


# Reboot and expectations


@pytest.mark.parametrize(
    ("module", "driver", "said"),
    [
        (None, None, None),
        (Module("nouveau"), None, "nouveau"),
        (None, "nouveau", "nouveau"),
        (Module("nvidia", "580.159.03", "open"), "nvidia", None),
        (Module("nvidia", "535.183.01", "open"), "nvidia", "535.183.01"),
        (Module("nvidia", "580.159.03", "closed"), "nvidia", "closed"),
    ],
)
def test_reboot(module: t.Optional[Module], driver: t.Optional[str], said: t.Optional[str]) -> None:
    reboot = plan(ADA._replace(driver=driver), NOBLE._replace(module=module))["reboot"]
    assert reboot["needed"] is (said is not None)
    assert said is None or said in " ".join(reboot["reasons"])


def test_another_release_of_the_branch_under_the_loaded_module_wants_a_reboot() -> None:
    host = BOOKWORM._replace(packages=(Package("nvidia-driver-cuda", "580.178.04-1"),), module=Module("nvidia", "580.159.03", "open"))
    assert plan(ADA, host)["reboot"]["reasons"] == ["the loaded module is 580.159.03, the installed driver 580.178.04"]
    assert not plan(ADA, host._replace(module=Module("nvidia", "580.178.04", "open")))["reboot"]["needed"]


def test_what_is_held_already_is_said() -> None:
    held = plan(ADA, BOOKWORM._replace(held=("nvidia-driver-cuda",)))["holds"]
    assert {row["name"]: row["held"] for row in held} == {"nvidia-driver-cuda": True, "nvidia-kernel-open-dkms": False, "nvidia-persistenced": False}


def test_expectations() -> None:
    expect = plan([ADA, ADA], cuda_major=13)["expect"]
    assert (expect["gpu_count"], expect["driver_branch"], expect["min_driver_version"]) == (2, "580", "580.0")
    assert (expect["open_module"], expect["module_licence"], expect["cuda_major"]) == (True, "Dual MIT/GPL", 13)
    assert plan(V100)["expect"]["module_licence"] == "NVIDIA"


@pytest.mark.parametrize(
    ("cards", "host", "wishes", "code"),
    [
        (ADA, BOOKWORM, {"source": "distribution", "today": "2026-11"}, "branch_end_of_life"),
        (ADA, NOBLE, {"branch": "610", "today": "2026-11"}, "branch_end_of_life"),
        (ADA, TRIXIE, {}, "preferred_branch_not_offered"),
        (PRO6000, BOOKWORM, {}, "packages_not_verified"),
        (ADA._replace(driver="vfio-pci"), NOBLE, {}, "card_given_away"),
        (ADA, NOBLE._replace(running_kernel=""), {}, "no_kernel_found"),
    ],
)
def test_warnings(cards: Card, host: Host, wishes: t.Dict[str, t.Any], code: str) -> None:
    assert code in codes(plan(cards, host, **wishes))


def test_a_plain_host_gets_no_warning() -> None:
    assert codes(plan(ADA, NOBLE, today="2026-11")) == []


def test_nouveau_is_kept_out_and_upgrades_too() -> None:
    document = plan(ADA)
    assert document["module_blacklist"] == ["nouveau"]
    assert "nvidia-(?!container)" in document["unattended_upgrades"]["blacklist"]


def test_cards_are_counted_by_kind() -> None:
    assert [(row["name"], row["count"]) for row in plan([ADA, T4, ADA._replace(driver="nvidia")])["gpus"]] == [(ADA.name, 2), (T4.name, 1)]


def test_the_text_names_what_is_installed_and_removed() -> None:
    host = with_packages(NOBLE, **{"nvidia-driver-535": "535.183.01-0ubuntu0.24.04.1"})._replace(module=Module("nouveau"))
    text = render(plan(PRO6000, host))
    for part in (
        "nvidia-driver-pinning-595",
        "linux-headers-generic",
        "libnvidia-compute",
        "remove  nvidia-driver-535",
        "reboot: nouveau holds the card",
        "ubuntu2404",
    ):
        assert part in text, text


@pytest.mark.parametrize(("version", "branch"), [("580.159.03-0ubuntu1", "580"), ("1:535.1-1", "535"), ("2025.10.14-1", ""), ("6.8.0-117.117", ""), ("", "")])
def test_branch_of_a_version(version: str, branch: str) -> None:
    assert branch_of(version) == branch
