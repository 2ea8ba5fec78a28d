# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check: broken facts give the finding with its cause and fix, healthy facts none, missing facts `not checked`."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._catalogue import CHECKS
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._host import market
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Finding
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import Examined, examine
from ansible_collections.inferhost.llm.tests.unit.plugins import doctor_endpoints as endpoints
from ansible_collections.inferhost.llm.tests.unit.plugins import doctor_hardware as hardware
from ansible_collections.inferhost.llm.tests.unit.plugins import doctor_models as models
from ansible_collections.inferhost.llm.tests.unit.plugins.doctor_endpoints import endpoint, refused

GIB = 1 << 30
Values = dict[str, t.Any]

ENGINE = ["/opt/inferhost/venvs/vllm/bin/python", "-m", "vllm.entrypoints.openai.api_server", "--model", "/opt/inferhost/models/m"]
CPU_FLAGS = ["--dtype", "bfloat16", "--enforce-eager", "--max-model-len", "32768", "--max-num-batched-tokens", "32768"]


def process(kind: str | None, argv: t.Sequence[str], **more: t.Any) -> Values:
    return {
        "pid": 42,
        "ppid": 1,
        "kind": kind,
        "argv": list(argv),
        "secret_args": [],
        "uid": 0,
        "container": False,
        "cwd": "/",
        "env": {"VLLM_CPU_KVCACHE_SPACE": "4"},
        **more,
    }


def service(kind: str, argv: t.Sequence[str], **more: t.Any) -> Values:
    base = {"manager": "systemd", "name": f"{kind}.service", "file": f"/etc/systemd/system/{kind}.service", "kind": kind, "argv": list(argv)}
    return {**base, "enabled": True, "secret_args": [], "secret_environment": [], "env": {}, "environment_files": [], **more}


def container(**more: t.Any) -> Values:
    base = {"name": "prometheus", "image": "prom/prometheus", "running": True, "argv": ["/bin/prometheus"], "secret_args": [], "environment_names": []}
    return {**base, "gpu": None, "started": "", "host_network": False, "host_names": [], "compose_files": [], "mounts": [], **more}


def venv(**more: t.Any) -> Values:
    base = {"path": "/srv/vllm", "origin": "process 42", "version": "3.12.3", "interpreter": True, "complete": True}
    return {**base, "distributions": {"vllm": "0.32.0", "pip": "24.0"}, "damaged": [], "unmet": [], "lock": None, **more}


def filesystem(**more: t.Any) -> Values:
    return {"mount": "/", "type": "ext4", "holds": ["/opt/inferhost/models"], "total_bytes": 500 * GIB, "free_bytes": 300 * GIB, "growable": None, **more}


def caches(type: str, mount: str, **more: t.Any) -> Values:
    place = {"variable": "HF_HOME", "path": f"{mount.rstrip('/')}/root/.cache/huggingface", "set": False, "mount": mount, "type": type}
    return {"pid": 42, "caches": [place], "persistent": [], "root_mount": None, **more}


def hub(**more: t.Any) -> Values:
    base = {"name": "vllm.service", "argv": ["vllm", "serve", "acme/m"], "model": "acme/m", "cached": False, "token": False, "refusal": None}
    return {"services": [{**base, **more}], "shells": ["/home/ann/.bashrc"]}


CARD = {"address": "0000:01:00.0", "name": "NVIDIA RTX 4000 SFF Ada Generation", "market": "workstation", "driver": "nvidia"}
HEALTHY: Values = {
    "cpu": {
        "model": "Some CPU",
        "architecture": "x86_64",
        "cores": 16,
        "isa": ["avx2", "avx512f"],
        "memory_bytes": 64 * GIB,
        "memory_available_bytes": 60 * GIB,
    },
    "gpus": [CARD],
    "interpreters": {"found": [{"path": "/usr/bin/python3.12", "version": "3.12", "default": True, "venv": True}], "uv": False},
    "processes": [process("vllm", [*ENGINE, *CPU_FLAGS]), process("gpu_exporter", ["/usr/bin/nvidia_gpu_exporter"])],
    "services": [service("vllm", [*ENGINE, *CPU_FLAGS])],
    "containers": [container()],
    "docker_names": [],
    "venvs": [venv()],
    "storage": {"filesystems": [filesystem()], "partial": []},
    "caches": [caches("ext4", "/data")],
    "hub_services": {"services": [], "shells": ["/home/ann/.bashrc"]},
    "secret_files": [{"path": "/opt/inferhost/etc/secrets/api_key", "mode": 0o600, "uid": 0, "names": ["a key"], "own": True}],
    **endpoints.HEALTHY,
    **hardware.HEALTHY,
    **models.HEALTHY,
}


def facts(changes: Values, gaps: t.Mapping[str, t.Sequence[str]] | None = None) -> Facts:
    return Facts({**copy.deepcopy(HEALTHY), **changes}, {}, gaps or {})


def ask(id: str, given: Facts) -> Examined:
    return examine(CHECKS.select([id]), given)


# id, what is broken, severity, words of: seen, cause, fix
BROKEN: list[tuple[str, Values, str, str, str, str]] = [
    (
        "L06",
        {
            "storage": {"filesystems": [filesystem(free_bytes=5 * GIB, growable={"device": "/dev/mapper/vg-root", "bytes": 1800 * GIB})], "partial": []},
            "growth": [],
        },
        "error",
        "1800.0 GiB more",
        "logical volume smaller than the disk",
        "sudo lvextend --resizefs --extents +100%FREE /dev/mapper/vg-root",
    ),
    (
        "L06",
        {"storage": {"filesystems": [filesystem(growable={"device": "/dev/mapper/vg-root", "bytes": 1800 * GIB})], "partial": []}, "growth": []},
        "info",
        "300.0 GiB free",
        "logical volume",
        "lvextend",
    ),
    (
        "L10",
        {"interpreters": {"found": [{"path": "/usr/bin/python3.14", "version": "3.14", "default": True, "venv": False}], "uv": False}},
        "warning",
        "/usr/bin/python3.14",
        "python3.14-venv",
        "sudo apt-get install python3.14-venv",
    ),
    (
        "L10",
        {"interpreters": {"found": [{"path": "/usr/bin/python3.14", "version": "3.14", "default": True, "venv": False}], "uv": True}},
        "info",
        "ensurepip",
        "apart",
        "apt-get install",
    ),
    (
        "L11",
        {"venvs": [venv(unmet=[{"name": "uvloop", "needs": "uvloop>=0.15.1", "by": "uvicorn"}])]},
        "error",
        "uvloop (needed by uvicorn)",
        "pip uninstall in the wrong environment",
        "/srv/vllm/bin/python -m pip install 'uvloop>=0.15.1'",
    ),
    (
        "L11",
        {"venvs": [venv(unmet=[{"name": "pandas", "needs": "pandas", "by": "something"}])]},
        "warning",
        "pandas (needed by something)",
        "pip uninstall",
        "pip install 'pandas'",
    ),
    (
        "L11",
        {"venvs": [venv(distributions={"vllm": "1"}, damaged=[{"name": "uvloop", "version": "0.23.0", "count": 3, "files": ["uvloop/loop.so"]}])]},
        "error",
        "uvloop (3: uvloop/loop.so)",
        "deleted or edited",
        "uv pip install --python /srv/vllm/bin/python --reinstall --no-deps 'uvloop==0.23.0'",
    ),
    ("L11", {"venvs": [venv(interpreter=False)]}, "error", "bin/python leads nowhere", "upgraded or removed", "python3 -m venv --upgrade /srv/vllm"),
    (
        "L11",
        {"venvs": [venv(origin="ours", lock=[{"name": "uvloop", "wanted": "0.23.0", "installed": None}])]},
        "error",
        "uvloop not installed (locked: 0.23.0)",
        "by hand",
        "ansible-playbook inferhost.llm.site",
    ),
    (
        "L13",
        {"processes": [process("dcgm_exporter", ["/usr/bin/dcgm-exporter"])]},
        "warning",
        "NVIDIA RTX 4000 SFF Ada Generation",
        "restarts Docker",
        "inferhost.llm.site",
    ),
    (
        "L13",
        {"containers": [container(name="dcgm", image="nvcr.io/nvidia/k8s/dcgm-exporter:4.6.1")], "gpus": []},
        "warning",
        "container dcgm) runs beside no NVIDIA card",
        "data-centre",
        "nvidia_gpu_exporter",
    ),
    (
        "L14",
        {"docker_names": [{"container": "prometheus", "file": "/srv/prometheus.yml", "lines": [7, 9], "resolves": False}]},
        "warning",
        "/srv/prometheus.yml, line 7, 9",
        "Docker Engine on Linux does not",
        "sudoedit /srv/prometheus.yml",
    ),
    (
        "L22",
        {"storage": {"filesystems": [filesystem(free_bytes=5 * GIB)], "partial": []}},
        "error",
        "5.0 GiB of 500.0 GiB left (1%)",
        "whole checkpoint",
        "du -xh",
    ),
    ("L22", {"storage": {"filesystems": [filesystem(free_bytes=15 * GIB)], "partial": []}}, "warning", "(3%)", "whole checkpoint", "/opt/inferhost/models"),
    (
        "L23",
        {"storage": {"filesystems": [filesystem()], "partial": [{"path": "/c/blobs/a.incomplete", "bytes": 2 * GIB, "modified": 0}]}},
        "warning",
        "1 partial downloads hold 2.0 GiB, the largest in /c/blobs",
        "broke off",
        "rm -i /c/blobs/a.incomplete",
    ),
    ("L24", {"hub_services": hub(refusal="gated")}, "error", "acme/m is gated", "https://huggingface.co/acme/m", "-e model_id=acme/m -e model_token_file="),
    ("L24", {"hub_services": hub(refusal="missing")}, "error", "there is no model acme/m", "the id is not one", "-e model_id=acme/m"),
    ("L25", {"hub_services": hub()}, "warning", "there is one in /home/ann/.bashrc", "a shell exports", "model_token_file=/root/hf_token"),
    (
        "L27",
        {"endpoints": [endpoint(models={"status": 200, "error": "", "ids": ["m"], "max_model_len": 2048})]},
        "warning",
        "2,048 tokens; every coding agent needs more",
        "system prompt",
        "ansible-playbook inferhost.llm.plan",
    ),
    (
        "L27",
        {"endpoints": [], "services": [], "processes": [process("vllm", [*ENGINE, "--max-model-len=16k"])]},
        "info",
        "16,000 tokens; these need more at the least: Claude Code (24,576)",
        "tool definitions",
        "--max-model-len",
    ),
    (
        "L29",
        {"services": [service("vllm", [*ENGINE, "--max-model-len", "8192", "--max-num-batched-tokens", "4096", "--no-enable-chunked-prefill"])]},
        "error",
        "4096 is smaller than --max-model-len 8192",
        "refuses to start",
        "sudo systemctl edit --full vllm.service   # --max-num-batched-tokens 8192",
    ),
    (
        "L29",
        {"services": [service("vllm", [*ENGINE, "--max_model_len=8192", "--max_num_batched_tokens=4096"])]},
        "info",
        "4096",
        "vLLM before 0.9",
        "8192",
    ),
    ("L30", {"services": [service("vllm", [*ENGINE, "--dtype", "fp8"])]}, "error", "--dtype fp8", "checkpoint's own config.json", "--dtype auto"),
    (
        "L30",
        {"services": [service("vllm", [*ENGINE, "--swap_space", "4"])], "venvs": [venv(path="/opt/inferhost/venvs/vllm")]},
        "error",
        "vllm.service: --swap-space",
        "vLLM 0.32.0 no longer has it, gone by 0.18.1",
        "sudo systemctl edit --full vllm.service   # leave it out; --kv-offloading-size",
    ),
    (
        "L30",
        {"processes": [process("vllm", [*ENGINE, "--log-config-file", "/x"])], "services": [], "venvs": [venv(path="/opt/inferhost/venvs/vllm")]},
        "warning",
        "process 42: --log-config-file",
        "vLLM 0.32.0 still takes it and will not for long",
        "# write --logging-config",
    ),
    (
        "L37",
        {
            "gpus": [],
            "processes": [process("vllm", [*ENGINE, "--dtype", "half"], env={})],
            "services": [],
        },
        "warning",
        "--dtype half",
        "made for a GPU",
        "--enforce-eager",
    ),
    ("L37", {"gpus": [], "cpu": {**HEALTHY["cpu"], "isa": []}}, "error", "has no AVX2", "illegal instruction", "lscpu"),
    ("L37", {"gpus": [], "cpu": {**HEALTHY["cpu"], "isa": ["avx2"]}}, "info", "no AVX-512", "slower", "lscpu"),
    ("L37", {"gpus": [], "cpu": {**HEALTHY["cpu"], "cores": 2}}, "info", "2 processor cores", "slow", "nproc"),
    (
        "L70",
        {"caches": [caches("overlay", "/", persistent=["/", "/workspace"])]},
        "warning",
        "lost with the container: HF_HOME (not set) /root/.cache/huggingface on overlay",
        "not set for the service",
        "HF_HOME=/workspace/cache/hf_home",
    ),
    ("L70", {"caches": [caches("overlay", "/")]}, "info", "lost with the container", "are not set for the service", "df -hT"),
    (
        "L70",
        {"caches": [caches("ext4", "/", root_mount="/data", persistent=["/", "/data"])]},
        "warning",
        "not on the data volume",
        "not set",
        "HF_HOME=/data/cache/hf_home",
    ),
    (
        "L72",
        {"processes": [process("vllm", [*ENGINE, "--api-key", "***"], secret_args=["--api-key"])]},
        "error",
        "process 42 (vllm) carries a secret (--api-key)",
        "every user of the host can read",
        "mode 600",
    ),
    (
        "L72",
        {"services": [service("vllm", ENGINE, secret_args=["--api-key"])]},
        "error",
        "systemd service vllm.service",
        "command lines",
        "sudo systemctl edit --full vllm.service",
    ),
    (
        "L72",
        {"containers": [container(name="vllm", secret_args=["--api-key"], compose_files=["/srv/compose.yml"])]},
        "error",
        "container vllm",
        "logs",
        "sudoedit /srv/compose.yml",
    ),
    (
        "L72",
        {"secret_files": [{"path": "/etc/vllm.env", "mode": 0o644, "uid": 0, "names": ["VLLM_API_KEY"], "own": False}]},
        "error",
        "/etc/vllm.env (mode 0644) holds VLLM_API_KEY",
        "default mode",
        "sudo chmod 600 /etc/vllm.env",
    ),
    (
        "L72",
        {"secret_files": [{"path": "/opt/inferhost/etc/secrets/api_key", "mode": 0o640, "uid": 0, "names": ["a key"], "own": True}]},
        "warning",
        "(mode 0640)",
        "by hand",
        "sudo chmod 600",
    ),
    ("L74", {"processes": [], "services": []}, "info", "no GPU exporter runs", "not recorded", "inferhost.llm.site"),
    ("L75", {"processes": []}, "critical", "vllm.service is configured, but not running", "stopped", "sudo systemctl restart vllm.service"),
    (
        "L75",
        {"endpoints": [endpoint(health={"status": None, "error": "http://127.0.0.1:8000/health: connection refused", "path": "/health"})]},
        "error",
        "connection refused",
        "still starting",
        "curl -sS -m 5 http://127.0.0.1:8000/health",
    ),
    (
        "L75",
        {"endpoints": [endpoint(health={"status": 503, "error": "engine dead", "path": "/health"})]},
        "error",
        "answers 503: engine dead",
        "its engine does not",
        "curl",
    ),
    (
        "L75",
        {"endpoints": [endpoint(models={"status": 404, "error": "Not Found", "ids": [], "max_model_len": None})]},
        "error",
        "/v1/models answers 404",
        "no OpenAI endpoint",
        "curl",
    ),
    (
        "L75",
        {"endpoints": [endpoint(models={"status": 200, "error": "", "ids": [], "max_model_len": None})]},
        "error",
        "names no model",
        "nothing to serve",
        "curl",
    ),
    (
        "L75",
        {"endpoints": [endpoint(chat=endpoints.no_chat("the engine sleeps"))]},
        "error",
        "answers 400: the engine sleeps",
        "chat template",
        "chat/completions",
    ),
    ("L75", {"endpoints": [endpoint(chat={**endpoint()["chat"], "characters": 0})]}, "error", "answers without a word", "no work", '"model": "m"'),
    *endpoints.BROKEN,
    *hardware.BROKEN,
    *models.BROKEN,
]


@pytest.mark.parametrize(("id", "changes", "severity", "seen", "cause", "fix"), BROKEN, ids=[f"{row[0]}-{row[3][:30]}" for row in BROKEN])
def test_broken(id: str, changes: Values, severity: str, seen: str, cause: str, fix: str) -> None:
    examined = ask(id, facts(changes))
    fitting: list[Finding] = [one for one in examined.findings if seen in one.seen]
    assert len(fitting) == 1, examined
    assert (fitting[0].id, fitting[0].severity) == (id, severity)
    assert cause in fitting[0].cause
    assert fix in fitting[0].fix
    assert examined.checked == (id,)


@pytest.mark.parametrize("id", [one.id for one in CHECKS])
def test_healthy(id: str) -> None:
    examined = ask(id, facts({}))
    assert (examined.checked, examined.findings, examined.not_checked) == ((id,), (), ())


@pytest.mark.parametrize("id", [one.id for one in CHECKS])
def test_without_facts_nothing_is_claimed(id: str) -> None:
    examined = examine(CHECKS.select([id]), Facts(missing=dict.fromkeys(HEALTHY, "dark")))
    assert (examined.checked, examined.findings) == ((), ())
    assert {one.why for one in examined.not_checked} == {"dark"}


def test_every_check_has_a_row_and_every_declared_severity_of_a_row_is_seen() -> None:
    rows = {(row[0], row[2]) for row in BROKEN}
    assert {row[0] for row in BROKEN} == {one.id for one in CHECKS}
    for one in CHECKS:
        # What the tool-call check says is its own tests' business; L13 and L50 keep room for it.
        told = {severity for id, severity in rows if id == one.id}
        assert told <= set(one.severities)


def test_one_reason_is_told_once() -> None:
    twice = {"notations": [], "findings": [*refused("L50")["findings"], {**refused("L50")["findings"][0], "title": "Refused (streamed)"}]}
    assert len(ask("L50", facts({"endpoints": [endpoint(tool=twice)]})).findings) == 1


def test_no_fix_prints_a_command_line_that_holds_a_key() -> None:
    leaking = process("vllm", [*ENGINE, "--api-key", "***", "--dtype", "fp8"], secret_args=["--api-key"])
    given = facts({"processes": [leaking], "services": []})
    fixes = [one.fix for id in ("L30", "L72") for one in ask(id, given).findings]
    assert [fix.partition("   #")[0] for fix in fixes] == ["ps -o pid,ppid,user,unit -p 42"] * 2


def test_a_service_that_another_process_does_not_stand_in_for() -> None:
    other = process("vllm", [*ENGINE, "--port", "9999"])
    assert [one.severity for one in ask("L75", facts({"processes": [other]})).findings] == ["critical"]
    filled_in = service("vllm", [*ENGINE, "--port", "${PORT}"])
    assert ask("L75", facts({"processes": [other], "services": [filled_in]})).findings == ()


def test_our_own_service_is_mended_by_the_site_playbook() -> None:
    (found,) = ask("L75", facts({"processes": [], "services": [service("vllm", ENGINE, name="inferhost-vllm.service")]})).findings
    assert found.fix == "ansible-playbook inferhost.llm.site"


LEFT_OUT = {"name": "torchvision", "needs": "torchvision", "by": "vllm-cpu"}


@pytest.mark.parametrize(
    ("id", "changes"),
    [
        ("L11", {"venvs": [venv(distributions={"vllm-cpu": "0.32.0"}, unmet=[LEFT_OUT])]}),
        # The lock leaves it out on purpose.
        ("L11", {"venvs": [venv(origin="ours", lock=[], unmet=[LEFT_OUT])]}),
        ("L13", {"processes": [process("dcgm_exporter", ["dcgm-exporter"])], "gpus": [{**CARD, "name": "NVIDIA H100 80GB HBM3", "market": "data_center"}]}),
        ("L14", {"docker_names": [{"container": "p", "file": "/x.yml", "lines": [1], "resolves": True}]}),
        ("L22", {"storage": {"filesystems": [filesystem(total_bytes=4000 * GIB, free_bytes=200 * GIB)], "partial": []}}),
        # It runs, so it has its model; and a log tells of other days, too.
        ("L24", {"hub_services": hub(refusal="gated"), "processes": [process("vllm", ["vllm", "serve", "acme/m"])]}),
        ("L25", {"hub_services": hub(token=True)}),
        ("L25", {"hub_services": hub(cached=True)}),
        ("L25", {"hub_services": {**hub(), "shells": []}}),
        ("L37", {"processes": [process("vllm", [*ENGINE, "--dtype", "half"], env={})], "services": []}),
        ("L75", {"processes": [], "services": [service("vllm", ENGINE, enabled=False)]}),
        # It runs, so its build has what the table does not; and of an environment that is not known nothing is said.
        ("L30", {"processes": [process("vllm", [*ENGINE, "--zzz", "4"])], "services": [], "venvs": [venv(path="/opt/inferhost/venvs/vllm")]}),
        ("L30", {"services": [service("vllm", [*ENGINE, "--swap-space", "4"])], "venvs": [venv(path="/srv/other")]}),
        # It runs, so its version chunks long prompts.
        ("L29", {"processes": [process("vllm", [*ENGINE, "--max-model-len", "8192", "--max-num-batched-tokens", "4096"])], "services": []}),
        ("L37", {"gpus": [], "processes": [process("vllm", [*ENGINE, *CPU_FLAGS[:-1], "4096"])], "services": []}),
        ("L70", {"caches": [{**caches("tmpfs", "/tmp"), "caches": [{"variable": "TMPDIR", "path": "/tmp", "set": False, "mount": "/tmp", "type": "tmpfs"}]}]}),
        ("L74", {"processes": [], "services": [], "gpus": []}),
        *endpoints.NO_FINDING,
        *models.NO_FINDING,
        ("L72", {"secret_files": [{"path": "/etc/vllm.env", "mode": 0o640, "uid": 0, "names": ["VLLM_API_KEY"], "own": False}]}),
    ],
)
def test_not_everything_odd_is_a_finding(id: str, changes: Values) -> None:
    assert ask(id, facts(changes)).findings == ()


@pytest.mark.parametrize(
    ("id", "changes", "gaps", "why"),
    [
        ("L50", {"endpoints": []}, {}, "no model server was found on this host; name one with endpoint=http://127.0.0.1:8000"),
        (
            "L50",
            {"endpoints": [endpoint(with_key=False, tool=None, models={"status": 401, "error": "", "ids": [], "max_model_len": None})]},
            {},
            "http://127.0.0.1:8000 was not asked for a tool call: it wants a key (none is known here); give api_key_file=FILE",
        ),
        (
            "L51",
            {"endpoints": [endpoint(chat=None, tool=None)]},
            {},
            "http://127.0.0.1:8000 was not asked for a tool call: probing is switched off (probe=false)",
        ),
        (
            "L75",
            {"endpoints": [endpoint(models={"status": 401, "error": "", "ids": [], "max_model_len": None})]},
            {},
            "http://127.0.0.1:8000: it refuses the key; give api_key_file=FILE",
        ),
        ("L75", {"endpoints": [], "services": []}, {}, "no model server was found on this host; name one with endpoint=http://127.0.0.1:8000"),
        ("L27", {"endpoints": [], "services": [], "processes": []}, {}, "no vLLM is running, configured or reachable here"),
        (
            "L37",
            {"gpus": [], "services": [], "processes": [process("vllm", [*ENGINE, *CPU_FLAGS], env=None)]},
            {},
            "the environment of process 42 is not readable, so VLLM_CPU_KVCACHE_SPACE is not known; run with --become to see it",
        ),
        ("L51", {"endpoints": []}, {"endpoints": ["could not read /x.json"]}, "could not read /x.json"),
        *endpoints.NOT_SEEN,
        ("L75", {"endpoints": [], "services": []}, {"endpoints": ["could not read /x.json"]}, "could not read /x.json"),
        ("L70", {"caches": []}, {"caches": ["could not read the environment of process 42"]}, "could not read the environment of process 42"),
        (
            "L72",
            {},
            {"secret_files": ["could not read /opt/inferhost/etc/secrets: permission denied"]},
            "could not read /opt/inferhost/etc/secrets: permission denied",
        ),
        ("L11", {"venvs": []}, {"venvs": ["could not read /srv"]}, "could not read /srv"),
    ],
)
def test_what_could_not_be_seen_is_named(id: str, changes: Values, gaps: t.Mapping[str, t.Sequence[str]], why: str) -> None:
    examined = ask(id, facts(changes, gaps))
    assert [one.why for one in examined.not_checked] == [why]
    assert (examined.checked, examined.findings) == ((), ())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NVIDIA RTX 4000 SFF Ada Generation", "workstation"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "workstation"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "data_center"),
        ("NVIDIA GeForce RTX 4090", "workstation"),
        ("Quadro P400", "workstation"),
        ("NVIDIA T400", "unknown"),
        ("Tesla T4", "data_center"),
        ("NVIDIA L40S", "data_center"),
        ("NVIDIA A100-SXM4-80GB", "data_center"),
        ("NVIDIA H100 80GB HBM3", "data_center"),
        ("NVIDIA GB200", "data_center"),
        ("NVIDIA RTX 6000 Ada Generation or NVIDIA L40", "unknown"),
        ("NVIDIA card (10de:ffff, not in the catalogue)", "unknown"),
    ],
)
def test_market(name: str, kind: str) -> None:
    assert market(name) == kind
