# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that gives containers the card: settings, packages, specification, and what a real container sees."""

from __future__ import annotations

from typing import Any

PACKAGES = ("libnvidia-container1", "libnvidia-container-tools", "nvidia-container-toolkit-base", "nvidia-container-toolkit")


def test_daemon_json_has_nvidias_part_and_keeps_the_rest(there: Any) -> None:
    settings = there.json("/etc/docker/daemon.json")
    assert settings == {
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m"},
        "features": {"buildkit": True, "cdi": True},
        "runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": []}},
    }
    assert there.output("stat", "--format=%a", "/etc/docker/daemon.json") == "640"


def test_the_engine_runs_with_it(there: Any) -> None:
    assert "nvidia" in there.output("docker", "info", "--format", "{{json .Runtimes}}")
    assert "/var/run/cdi" in there.output("docker", "info", "--format", "{{json .CDISpecDirs}}")


def test_all_packages_are_of_the_pinned_version_and_held(there: Any) -> None:
    shown = there.output("dpkg-query", "--show", "--showformat=${Package} ${Version} ${db:Status-Want}\\n", *PACKAGES).splitlines()
    assert sorted(shown) == sorted(f"{name} 1.19.0-1 hold" for name in PACKAGES)
    assert "1.20.0-1" in there.output("apt-cache", "policy", "nvidia-container-toolkit")


def test_there_is_one_specification_and_it_is_kept_fresh(there: Any) -> None:
    assert there.exists("/run/cdi/nvidia.yaml") and not there.exists("/etc/cdi/nvidia.yaml")
    assert there.output("nvidia-ctk", "cdi", "list").split() == ["nvidia.com/gpu=0", "nvidia.com/gpu=all"]
    for unit in ("nvidia-cdi-refresh.service", "nvidia-cdi-refresh.path"):
        assert there.output("systemctl", "is-enabled", unit) == "enabled"
    there.output("rm", "/run/cdi/nvidia.yaml")
    there.output("systemctl", "restart", "nvidia-cdi-refresh.service")
    assert there.exists("/run/cdi/nvidia.yaml")


def test_a_container_sees_the_hosts_library(there: Any) -> None:
    image = there.output("docker", "image", "ls", "--quiet", "inferhost/cuda-probe")
    script = "import ctypes; lib = ctypes.CDLL('libcuda.so.1'); print(lib.cuInit(0))"
    python = there.output("readlink", "--canonicalize", "/usr/bin/python3")
    run = ["docker", "run", "--rm", "--network=none", f"--entrypoint={python}"]
    assert there.output(*run, "--device=nvidia.com/gpu=all", image, "-I", "-S", "-c", script) == "0"
    without = there.run(*run, image, "-I", "-S", "-c", script)
    assert without.returncode != 0 and "libcuda.so.1" in without.stderr


def test_a_second_run_changes_nothing_and_a_running_container_keeps_the_card_through_a_daemon_reload(there: Any, playbooks: Any) -> None:
    started, before = there.engine_started(), there.files()
    outcome = playbooks.run("converge", variables={"container_toolkit_prove_reload": "always"})
    assert outcome.status == 0 and outcome.changed == 0, outcome.changed_tasks
    assert "shows 1 GPUs, and does after systemctl daemon-reload" in " ".join(outcome.output.split())
    assert there.engine_started() == started
    assert there.files() == before


def test_a_dry_run_on_a_finished_host_changes_nothing(playbooks: Any) -> None:
    outcome = playbooks.run("converge", "--check", "--diff")
    assert outcome.status == 0 and outcome.changed == 0, outcome.changed_tasks
