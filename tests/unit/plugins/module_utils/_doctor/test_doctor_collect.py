# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collectors on hosts made of real files, sockets and servers."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor import _mounts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._catalogue import COLLECTORS
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._container import _UnixConnection, describe
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._endpoint import address_of
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._hub import journal
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._process import kind_of
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._secret_file import secrets_in
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._service import supervisor_programs, unit_settings
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._storage import cache_paths
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._venv import marker_environment
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Context, collect
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._engines import engines
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._flags import engine_arguments, number, parse
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._requirements import Unmet, applies, parse_requirement, unmet
from ansible_collections.inferhost.llm.tests.unit.plugins.docker_socket import DockerSocket
from ansible_collections.inferhost.llm.tests.unit.plugins.scripted_server import ScriptedServer, chunked, sse
from ansible_collections.inferhost.llm.tests.unit.plugins.scripted_server import http as answer

API_SERVER = "vllm.entrypoints.openai.api_server"


def gather(name: str, context: Context) -> Facts:
    return collect(context, COLLECTORS, [name])


def put(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        (["/v/bin/python", "-m", API_SERVER, "--model", "m"], "vllm"),
        (["/v/bin/python3.12", "/v/bin/vllm", "serve", "m"], "vllm"),
        (["vllm", "serve", "m"], "vllm"),
        (["/v/bin/python", "-m", "vllm.entrypoints.cli.main", "serve", "m"], "vllm"),
        (["/v/bin/python", "-m", "inferhost_proxy", "--config", "x"], "proxy"),
        (["/v/bin/python3", "/v/bin/litellm", "--config", "x"], "litellm"),
        (["/usr/bin/dcgm-exporter"], "dcgm_exporter"),
        (["/usr/bin/nvidia_gpu_exporter"], "gpu_exporter"),
        (["bash", "-c", "vllm serve m"], None),
        (["grep", "vllm", "serve"], None),
        (["/v/bin/python", "-m", "pytest", API_SERVER], None),
        (["vllm", "bench", "serve"], None),
        ([], None),
    ],
)
def test_kind_of(argv: list[str], kind: str | None) -> None:
    assert kind_of(argv) == kind


def test_flags() -> None:
    arguments = engine_arguments(["python3", "vllm", "serve", "org/m", "--max_model_len=16k", "-tp", "2", "--no-enable-prefix-caching", "--enforce-eager"])
    assert arguments is not None
    assert parse(arguments) == {
        "--model": "org/m",
        "--max-model-len": "16k",
        "--tensor-parallel-size": "2",
        "--enable-prefix-caching": "false",
        "--enforce-eager": "",
    }


@pytest.mark.parametrize(("text", "value"), [("4096", 4096), ("16k", 16000), ("16K", 16384), ("1.5k", 1500), ("auto", None), (None, None)])
def test_number(text: str | None, value: int | None) -> None:
    assert number(text) == value


LINUX = {**marker_environment("3.11.7"), "sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux", "os_name": "posix"}


@pytest.mark.parametrize(
    ("marker", "extras", "holds"),
    [
        ("", (), True),
        ("python_version < '3.11'", (), False),
        ("python_version < '3.9'", (), False),
        ('python_version > "3.10"', (), True),
        ("python_full_version >= '3.11.7'", (), True),
        ("platform_machine == 'x86_64' or platform_machine == 'aarch64'", (), True),
        ("extra == 'standard'", (), False),
        ("extra == 'standard'", ("standard",), True),
        ("(sys_platform != 'win32' and (sys_platform != 'cygwin' and platform_python_implementation != 'PyPy')) and extra == 'standard'", ("standard",), True),
        ("sys_platform == 'never'", (), False),
        ("platform_machine in 'x86_64 arm64'", (), True),
        ("platform_machine not in 'x86_64 arm64'", (), False),
        # Not decided: counts as not needed, so that nothing is reported that is not missing.
        ("platform_release >= '6.1'", (), False),
        ("python_version ~= '3.11'", (), False),
        ("python_version < ", (), False),
    ],
)
def test_markers(marker: str, extras: t.Sequence[str], holds: bool) -> None:
    assert applies(marker, LINUX, extras) is holds


def test_requirement_lines() -> None:
    found = parse_requirement("Fast_API[standard,all]<0.137.0,>=0.133.0; python_version > '3'")
    assert found is not None
    assert (found.name, found.extras, found.specifier, found.marker) == ("fast-api", ("standard", "all"), "<0.137.0,>=0.133.0", "python_version > '3'")
    old = parse_requirement("uvloop (>=0.15.1) ; extra == 'standard'")
    assert old is not None
    assert (old.name, old.specifier, old.marker) == ("uvloop", ">=0.15.1", "extra == 'standard'")


def test_extras_are_followed() -> None:
    installed = {
        "vllm": ["fastapi[standard]>=0.1"],
        "fastapi": ["uvicorn[standard]; extra == 'standard'"],
        "uvicorn": ["uvloop>=0.15; extra == 'standard'", "h11"],
        "h11": [],
    }
    assert unmet(installed, LINUX) == [Unmet("uvloop", "uvloop>=0.15", "uvicorn")]
    assert unmet({**installed, "uvloop": []}, LINUX) == []


UNIT = """[Service]
Environment=HF_HOME=/data/hf "VLLM_API_KEY=sk-abcdefghijkl"
EnvironmentFile=-/etc/vllm.env
ExecStartPre=/bin/true
ExecStart=/srv/vllm/bin/python -m {server} \\
  --model /m --dtype fp8 \\
  --api-key sk-abcdefghijkl
"""


def test_unit_settings_join_lines_and_reset() -> None:
    text = UNIT.format(server=API_SERVER) + "[Service]\nExecStart=\nExecStart=-/usr/bin/vllm serve /n\n"
    settings = unit_settings(text)
    assert settings.commands == [["/usr/bin/vllm", "serve", "/n"]]
    assert settings.environment == ["HF_HOME=/data/hf", "VLLM_API_KEY=sk-abcdefghijkl"]
    assert settings.environment_files == ["/etc/vllm.env"]


def test_services_from_units_and_supervisor(tmp_path: Path) -> None:
    put(tmp_path / "etc/systemd/system/vllm.service", UNIT.format(server=API_SERVER))
    put(tmp_path / "etc/systemd/system/ssh.service", "[Service]\nExecStart=/usr/sbin/sshd -D\n")
    put(
        tmp_path / "opt/inferhost/etc/supervisor.d/inferhost-proxy.ini",
        "[program:inferhost-proxy]\ncommand=/p/with-secrets /x -- /v/bin/python -m inferhost_proxy --config /c\n",
    )
    (tmp_path / "etc/systemd/system/multi-user.target.wants").mkdir()
    assert gather("services", Context(fs=str(tmp_path)))["services"][0]["enabled"] is False
    (tmp_path / "etc/systemd/system/multi-user.target.wants/vllm.service").symlink_to("../vllm.service")
    facts = gather("services", Context(fs=str(tmp_path)))
    vllm, proxy = facts["services"]
    assert vllm["enabled"] is True
    assert (vllm["name"], vllm["kind"], vllm["env"]) == ("vllm.service", "vllm", {"HF_HOME": "/data/hf"})
    assert (vllm["secret_args"], vllm["secret_environment"]) == (["--api-key"], ["VLLM_API_KEY"])
    assert (proxy["manager"], proxy["kind"], proxy["argv"][1:3]) == ("supervisor", "proxy", ["-m", "inferhost_proxy"])
    assert "sk-abcdefghijkl" not in json.dumps(facts["services"])
    (engine,) = engines(facts)
    assert (engine.where, engine.running, engine.flags["--dtype"]) == ("systemd service vllm.service", False, "fp8")


def test_supervisor_environment() -> None:
    programs = supervisor_programs('[program:vllm]\ncommand=vllm serve m\nenvironment=A="1,2",VLLM_API_KEY="x y",B=3\n')
    assert programs["vllm"].environment == ['A="1,2"', 'VLLM_API_KEY="x y"', "B=3"]


def test_a_broken_supervisor_file_is_no_program() -> None:
    assert supervisor_programs("command=without a section") == {}


MOUNTS = """25 1 254:0 / / rw,relatime - overlay overlay rw
26 25 0:5 / /proc rw - proc proc rw
27 25 254:1 / /workspace rw - xfs /dev/vdb rw
28 25 254:1 /hosts /etc/hosts rw - ext4 /dev/vdb rw
29 25 0:9 / /mnt/my\\040disk rw - ext4 /dev/vdc rw
30 25 0:8 / /data ro - ext4 /dev/vdd ro
"""


def test_mounts() -> None:
    mounts = _mounts.parse(MOUNTS)
    found = _mounts.of("/workspace/models/x", mounts)
    assert found is not None and (found.point, found.type) == ("/workspace", "xfs")
    root = _mounts.of("/workspaces", mounts)
    assert root is not None and root.point == "/"
    assert _mounts.persistent(mounts) == ["/mnt/my disk", "/workspace"]


def test_cache_paths_follow_each_other() -> None:
    found = {name: (path, is_set) for name, path, is_set in cache_paths({"HOME": "/home/u", "HF_HOME": "/data/hf", "HUGGINGFACE_HUB_CACHE": "/hub"})}
    assert found["XDG_CACHE_HOME"] == ("/home/u/.cache", False)
    assert found["HF_HOME"] == ("/data/hf", True)
    assert found["HF_HUB_CACHE"] == ("/hub", True)
    assert found["VLLM_CACHE_ROOT"] == ("/home/u/.cache/vllm", False)


def test_storage_of_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/u")
    put(tmp_path / "proc/self/mountinfo", "25 1 253:0 / / rw - ext4 /dev/dm-0 rw\n")
    put(tmp_path / "sys/dev/block/253:0/dm/name", "vg-root\n")
    put(tmp_path / "sys/dev/block/253:0/dm/uuid", "LVM-" + "g" * 32 + "v" * 32 + "\n")
    put(tmp_path / "sys/dev/block/253:0/slaves/vda3/size", str(2 * (1 << 40) // 512))
    put(tmp_path / "sys/block/dm-0/dm/uuid", "LVM-" + "g" * 32 + "v" * 32 + "\n")
    put(tmp_path / "sys/block/dm-0/size", str(100 * (1 << 30) // 512))
    put(tmp_path / "sys/block/dm-1/dm/uuid", "LVM-" + "other" * 12 + "\n")
    put(tmp_path / "sys/block/dm-1/size", "99999")
    put(tmp_path / "home/u/.cache/huggingface/hub/models--a--b/blobs/abc.incomplete", "x" * 10)
    put(tmp_path / "opt/inferhost/models/m/.cache/huggingface/download/sub/def.incomplete", "x" * 20)
    (tmp_path / "proc/1").mkdir(parents=True)
    value = gather("storage", Context(fs=str(tmp_path)))["storage"]
    (system,) = value["filesystems"]
    assert system["growable"] == {"device": "/dev/mapper/vg-root", "bytes": 2 * (1 << 40) - 100 * (1 << 30)}
    assert system["holds"] == ["/opt/inferhost/models", "/home/u/.cache/huggingface/hub"]
    assert {one["path"]: one["bytes"] for one in value["partial"]} == {
        "/home/u/.cache/huggingface/hub/models--a--b/blobs/abc.incomplete": 10,
        "/opt/inferhost/models/m/.cache/huggingface/download/sub/def.incomplete": 20,
    }


def test_caches_of_a_running_engine_in_a_pod(tmp_path: Path) -> None:
    put(tmp_path / "proc/1/cmdline", "init\0")
    put(tmp_path / "proc/77/cmdline", f"/v/bin/python\0-m\0{API_SERVER}\0")
    put(tmp_path / "proc/77/stat", "77 (python) S 1 77")
    put(tmp_path / "proc/77/environ", "HOME=/root\0VLLM_API_KEY=sk-abcdefghijkl\0TRITON_CACHE_DIR=/workspace/t\0")
    put(tmp_path / "proc/77/mountinfo", MOUNTS)
    (tmp_path / "proc/77/cwd").symlink_to("/root")
    facts = gather("caches", Context(fs=str(tmp_path)))
    (engine,) = facts["caches"]
    places = {one["variable"]: (one["path"], one["type"], one["set"]) for one in engine["caches"]}
    assert places["HF_HOME"] == ("/root/.cache/huggingface", "overlay", False)
    assert places["TRITON_CACHE_DIR"] == ("/workspace/t", "xfs", True)
    assert engine["persistent"] == ["/mnt/my disk", "/workspace"]
    assert "sk-abcdefghijkl" not in json.dumps(facts["processes"])


@pytest.mark.parametrize(
    ("namespaces", "groups", "inside"),
    [
        ({"self": "pid:[1]", "77": "pid:[1]"}, {"self": "/docker/a", "77": "/docker/a"}, False),
        ({"self": "pid:[1]", "77": "pid:[2]"}, {"self": "/", "77": "/"}, True),
        ({}, {"self": "/user.slice", "77": "/system.slice/docker-abc.scope"}, True),
        ({}, {"self": "/docker/a", "77": "/docker/a"}, False),
    ],
)
def test_a_process_in_a_container(tmp_path: Path, namespaces: dict[str, str], groups: dict[str, str], inside: bool) -> None:
    put(tmp_path / "proc/1/cmdline", "init\0")
    put(tmp_path / "proc/77/cmdline", "/usr/bin/prometheus\0")
    put(tmp_path / "proc/77/stat", "77 (prometheus) S 1 77")
    for name, group in groups.items():
        put(tmp_path / "proc" / name / "cgroup", f"0::{group}\n")
    for name, namespace in namespaces.items():
        (tmp_path / "proc" / name / "ns").mkdir()
        (tmp_path / "proc" / name / "ns/pid").symlink_to(namespace)
    (found,) = gather("processes", Context(fs=str(tmp_path)))["processes"]
    assert found["container"] is inside


def test_the_address_of_a_proxy_with_a_relative_configuration(tmp_path: Path) -> None:
    put(tmp_path / "srv/etc/proxy.json", json.dumps({"host": "0.0.0.0", "port": 4711}))
    process = {"kind": "proxy", "argv": ["python", "-m", "inferhost_proxy", "--config", "etc/proxy.json"], "cwd": "/srv"}
    assert address_of(Context(fs=str(tmp_path)), process, []) == ("127.0.0.1", 4711)


def test_an_unreadable_configuration_is_a_gap(tmp_path: Path) -> None:
    gaps: t.List[str] = []
    process = {"kind": "proxy", "argv": ["python", "-m", "inferhost_proxy", "--config", "/x.json"], "cwd": None, "pid": 7}
    assert address_of(Context(fs=str(tmp_path)), process, gaps) is None
    assert gaps == ["could not read /x.json, the configuration of process 7: no such file or directory"]


def test_the_venv_support_that_debian_packs_apart(tmp_path: Path) -> None:
    put(tmp_path / "usr/bin/python3.14", "", 0o755)
    (tmp_path / "usr/bin/python3").symlink_to("python3.14")
    put(tmp_path / "usr/lib/python3.14/venv/__init__.py", "")
    value = gather("interpreters", Context(fs=str(tmp_path)))["interpreters"]
    assert value == {"found": [{"path": "/usr/bin/python3.14", "version": "3.14", "default": True, "venv": False}], "uv": False}
    put(tmp_path / "usr/lib/python3.14/ensurepip/__init__.py", "")
    assert gather("interpreters", Context(fs=str(tmp_path)))["interpreters"]["found"][0]["venv"] is True


def test_secrets_in_files() -> None:
    lines = [*UNIT.format(server=API_SERVER).replace("\\\n", "").splitlines(), "# VLLM_API_KEY=sk-commented-out", "HF_TOKEN=hf_abcdefghijkl", "PORT=1"]
    assert secrets_in(lines) == ["VLLM_API_KEY", "--api-key", "HF_TOKEN"]


def test_secret_files_of_a_host(tmp_path: Path) -> None:
    put(tmp_path / "proc/1/cmdline", "init\0")
    put(tmp_path / "opt/inferhost/etc/secrets/api_key", "sk-abcdefghijkl\n", 0o600)
    put(tmp_path / "etc/systemd/system/vllm.service", UNIT.format(server=API_SERVER))
    put(tmp_path / "etc/vllm.env", "VLLM_API_KEY=sk-abcdefghijkl\n")
    put(tmp_path / "etc/default/vllm", "VLLM_API_KEY=sk-abcdefghijkl\n", 0o600)
    facts = gather("secret_files", Context(fs=str(tmp_path)))
    found = {one["path"]: (one["mode"], one["names"]) for one in facts["secret_files"]}
    assert found == {
        "/opt/inferhost/etc/secrets/api_key": (0o600, ["a key"]),
        "/etc/systemd/system/vllm.service": (0o644, ["VLLM_API_KEY", "--api-key"]),
        "/etc/vllm.env": (0o644, ["VLLM_API_KEY"]),
    }
    assert "sk-abcdefghijkl" not in json.dumps(dict(facts.values))


HUB_UNIT = """[Service]
ExecStart=/usr/bin/python3 /usr/local/bin/vllm serve acme/m
EnvironmentFile=-/etc/vllm.env
"""
GATED = "OSError: You are trying to access a gated repo.\nMake sure to have access to it at https://huggingface.co/acme/m.\n"
MISSING = "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error.\n"


def hub_facts(tmp_path: Path) -> t.Dict[str, t.Any]:
    return t.cast("t.Dict[str, t.Any]", gather("hub_services", Context(fs=str(tmp_path)))["hub_services"])


def test_a_service_that_wants_its_model_from_the_hub(tmp_path: Path) -> None:
    put(tmp_path / "etc/systemd/system/vllm.service", HUB_UNIT)
    put(tmp_path / "home/ann/.bashrc", "alias ll=ls\nexport HF_TOKEN=hf_abcdefghijkl\n")
    put(tmp_path / "home/bob/.profile", "export EDITOR=vi\n")
    found = hub_facts(tmp_path)
    (service,) = found["services"]
    assert (service["model"], service["cached"], service["token"], service["refusal"]) == ("acme/m", False, False, None)
    assert found["shells"] == ["/home/ann/.bashrc"] and "hf_abcdefghijkl" not in json.dumps(found)
    put(tmp_path / "etc/vllm.env", "HF_TOKEN=hf_abcdefghijkl\n", 0o600)
    put(tmp_path / "root/.cache/huggingface/hub/models--acme--m/snapshots/0a1b/config.json", "{}")
    (service,) = hub_facts(tmp_path)["services"]
    assert (service["cached"], service["token"]) == (True, True)


def test_a_service_with_its_model_on_the_host_asks_no_hub(tmp_path: Path) -> None:
    put(tmp_path / "etc/systemd/system/vllm.service", HUB_UNIT.replace("acme/m", "/srv/models/m"))
    put(tmp_path / "home/ann/.bashrc", "export HF_TOKEN=hf_abcdefghijkl\n")
    assert hub_facts(tmp_path) == {"services": [], "shells": []}


@pytest.mark.parametrize(
    ("log", "refusal"), [(GATED, "gated"), (MISSING, "missing"), (MISSING + GATED, "gated"), (GATED + MISSING, "missing"), ("INFO ok\n", None)]
)
def test_what_the_hub_said_last(tmp_path: Path, log: str, refusal: t.Optional[str]) -> None:
    put(tmp_path / "etc/systemd/system/vllm.service", HUB_UNIT)
    put(tmp_path / "opt/inferhost/log/vllm.log", "starting\n" * 9000 + log)
    (service,) = hub_facts(tmp_path)["services"]
    assert service["refusal"] == refusal


def test_the_journal_is_asked_for_the_unit_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "journalctl", '#!/bin/sh\necho "$@"\n', 0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert journal("vllm.service").split()[0] == "--unit=vllm.service"
    (tmp_path / "journalctl").unlink()
    assert journal("vllm.service") == ""


INSPECTED = {
    "Name": "/prometheus",
    "Path": "/bin/prometheus",
    "Args": ["--config.file=/etc/prometheus/prometheus.yml", "--token", "abcdefgh"],
    "State": {"Running": True},
    "Config": {"Image": "prom/prometheus:v3", "Env": ["TOKEN=abcdefgh"], "Labels": {"com.docker.compose.project.config_files": "/srv/compose.yml"}},
    "HostConfig": {"NetworkMode": "bridge", "ExtraHosts": []},
    "Mounts": [{"Source": "/srv/prometheus.yml", "Destination": "/etc/prometheus/prometheus.yml"}],
}


def test_containers_and_the_name_that_linux_does_not_know(tmp_path: Path) -> None:
    put(tmp_path / "srv/compose.yml", "services:\n  p:\n    # host.docker.internal would not work\n    image: p\n")
    put(tmp_path / "srv/prometheus.yml", "scrape_configs:\n  - targets: ['host.docker.internal:8000']\n")
    with DockerSocket(tmp_path / "var/run/docker.sock", {"abc": INSPECTED}):
        facts = gather("docker_names", Context(fs=str(tmp_path)))
    (container,) = facts["containers"]
    assert (container["name"], container["running"], container["secret_args"]) == ("prometheus", True, ["--token"])
    assert "abcdefgh" not in json.dumps(container)
    assert facts["docker_names"] == [{"container": "prometheus", "file": "/srv/prometheus.yml", "lines": [2], "resolves": False}]


def test_a_container_that_was_given_the_name() -> None:
    assert describe({**INSPECTED, "HostConfig": {"ExtraHosts": ["host.docker.internal:host-gateway"]}})["host_names"] == ["host.docker.internal"]


def test_no_container_engine_is_no_gap(tmp_path: Path) -> None:
    facts = gather("containers", Context(fs=str(tmp_path)))
    assert (facts["containers"], dict(facts.missing)) == ([], {})


def test_a_closed_socket_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may open every socket, so the refusal is put in its place.
    def refuse(connection: _UnixConnection) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(_UnixConnection, "connect", refuse)
    put(tmp_path / "var/run/docker.sock", "")
    facts = gather("containers", Context(fs=str(tmp_path)))
    assert facts.missing["containers"] == "could not read the list of containers from /var/run/docker.sock: permission denied; run with --become to see it"


MODELS = answer(200, {"data": [{"id": "m", "max_model_len": 2048}]})
SAYS_HELLO = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}


def chat(tool_answer: t.Any, streamed: t.Any) -> t.Any:
    """An engine's chat endpoint: plain questions are answered, those with tools as the test wants."""

    def reply(seen: t.Any) -> t.Any:
        body = seen.json()
        if body.get("stream"):
            return streamed
        return tool_answer if body.get("tools") else answer(200, SAYS_HELLO)

    return reply


def asked(server: ScriptedServer, tmp_path: Path) -> dict[str, t.Any]:
    put(tmp_path / "proc/1/cmdline", "init\0")
    key = put(tmp_path / "key", "sk-abcdefghijkl\n", 0o600)
    context = Context(fs=str(tmp_path), endpoint=server.url + "/v1", api_key_file=str(key))
    facts = gather("endpoints", context)
    assert context.redactor.text("the key is sk-abcdefghijkl") == "the key is ***"
    (found,) = facts["endpoints"]
    assert "sk-abcdefghijkl" not in json.dumps(found)
    return t.cast(dict[str, t.Any], found)


def test_an_engine_without_a_parser(tmp_path: Path) -> None:
    no = answer(400, {"error": {"message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'}})
    with ScriptedServer({"/health": answer(200, b""), "/v1/models": MODELS, "/v1/chat/completions": chat(no, no)}) as server:
        found = asked(server, tmp_path)
        # Whose server it is, anybody may ask.
        assert all(seen.headers["authorization"] == "Bearer sk-abcdefghijkl" for seen in server.seen if seen.path != "/livez")
    assert (found["health"]["status"], found["models"]["max_model_len"], found["chat"]["characters"]) == (200, 2048, 5)
    assert {one["id"] for one in found["tool"]["findings"]} == {"L50"}


def test_an_engine_that_leaves_markup_and_writes_empty_lists(tmp_path: Path) -> None:
    text = '<tool_call>{"name": "read_file", "arguments": {"path": "/srv/data/report-2041.txt"}}</tool_call>'
    whole = answer(200, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})
    events = sse({"choices": [{"delta": {"content": text, "tool_calls": []}}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]}, "[DONE]")
    with ScriptedServer({"/v1/models": MODELS, "/v1/chat/completions": chat(whole, chunked(events))}) as server:
        found = asked(server, tmp_path)
    assert {one["id"] for one in found["tool"]["findings"]} == {"L51"}
    assert "--tool-call-parser hermes" in found["tool"]["findings"][0]["fix"]
    assert found["stream"] == {"error": "", "chunks": 2, "empty_tool_calls": 1}


def test_an_engine_that_wants_another_key(tmp_path: Path) -> None:
    with ScriptedServer({"/health": answer(200, b""), "/v1/models": answer(401, {"error": "Unauthorized"})}) as server:
        found = asked(server, tmp_path)
    assert (found["models"]["status"], found["with_key"], found["chat"], found["tool"]) == (401, True, None, None)
