# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of doctor about engines' models, logs and caches: a healthy engine on one card, and broken ones with what doctor says. All are constructed.

Logs are put through the real reader: their sentences are those that vLLM and torch print.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._log_signs import read
from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue import config_of, published
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_documents as made

Values = t.Dict[str, t.Any]
# id, what is broken, severity, words of: seen, cause, fix
Row = t.Tuple[str, Values, str, str, str, str]

GIB = 1 << 30
UNIT = "systemd service vllm.service"
ENGINE = ["/opt/inferhost/venvs/vllm/bin/python", "-m", "vllm.entrypoints.openai.api_server", "--model", "/opt/inferhost/models/m"]
FLAGS = ["--dtype", "bfloat16", "--enforce-eager", "--max-model-len", "32768", "--max-num-batched-tokens", "32768"]
SMALL = "Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"
DENSE = "Qwen/Qwen2.5-14B-Instruct"
HYBRID = "Qwen/Qwen3-Coder-Next-FP8"

BEGIN = "(APIServer pid=1) INFO [api_utils.py:286] non-default args: {'model': 'm'}\n"
READY = "(APIServer pid=1) INFO:     Application startup complete.\n"


def model(id: str = SMALL, **more: t.Any) -> Values:
    """A checkpoint of the catalogue as it lies on disk."""
    base = {"id": id, "name": id.rsplit("/", 1)[-1], "on_disk": True, "config": config_of(published(id)), "weight_bytes": None, "other_bytes": 0, "others": []}
    return {**base, **more}


def files(id: str = SMALL, **more: t.Any) -> Values:
    return {"where": UNIT, "version": "0.32.0", "model": model(id), "template": None, **more}


def log(*lines: str, begin: str = BEGIN, where: str = UNIT, keys: t.Sequence[str] = ()) -> Values:
    """The log of one start; `lines` after its beginning."""
    return {"where": where, "source": "journalctl -u vllm.service", "keys": list(keys), **read(begin + "".join(line + "\n" for line in lines))}


def service(flags: t.Sequence[str], **more: t.Any) -> Values:
    base = {"manager": "systemd", "name": "vllm.service", "file": "/etc/systemd/system/vllm.service", "kind": "vllm", "argv": [*ENGINE, *flags]}
    return {**base, "enabled": True, "secret_args": [], "secret_environment": [], "env": {}, "environment_files": [], "user": None, "log": None, **more}


def process(flags: t.Sequence[str], **env: str) -> Values:
    base = {"pid": 42, "ppid": 1, "kind": "vllm", "argv": [*ENGINE, *flags], "secret_args": [], "uid": 0, "container": False, "cwd": "/"}
    return {**base, "env": dict(env)}


def cache(variable: str = "VLLM_CACHE_ROOT", **more: t.Any) -> Values:
    place = {"variable": variable, "path": "/data/cache/vllm", "set": True, "mount": "/data", "type": "ext4", "writable": True, **more}
    return {"pid": 42, "caches": [place], "persistent": ["/data"], "root_mount": None, "bytecode": True}


def engine(flags: t.Sequence[str], id: str = SMALL, said: t.Sequence[str] = (), running: bool = False, **more: t.Any) -> Values:
    """One service that was started with these flags: it serves, or its start ended with what its log says."""
    lines = [READY.strip(), *said] if running else list(said)
    return {
        "services": [service(flags)],
        "processes": [process(flags)] if running else [],
        "engine_files": [files(id)],
        "engine_logs": [log(*lines)],
        **more,
    }


def cards(number: int = 1, **changes: t.Any) -> Values:
    return {"gpu_info": made.changed(gpus=[made.card(**changes)] * number)}


def statistics(rate: float, times: int) -> t.List[str]:
    """What the engine prints every ten seconds while one request is answered."""
    form = "Avg prompt throughput: %.1f tokens/s, Avg generation throughput: %.1f tokens/s, Running: 1 reqs, Waiting: 0 reqs, GPU KV cache usage: 1.0%%"
    return [form % (120.0, rate / 2)] + [form % (0.0, rate)] * times


A100 = {"name": "NVIDIA A100-SXM4-80GB", "compute_capability": "8.0", "memory_bytes": 81920 << 20, "bandwidth_bytes_per_s": 2039 * 10**9}
TURING = {"name": "Tesla T4", "compute_capability": "7.5", "memory_bytes": 15360 << 20, "bandwidth_bytes_per_s": 320 * 10**9}
VOLTA = {"name": "Tesla V100-SXM2-32GB", "compute_capability": "7.0", "memory_bytes": 32768 << 20, "bandwidth_bytes_per_s": 900 * 10**9}
RTX_5000 = {"name": "NVIDIA RTX 5000 Ada Generation", "compute_capability": "8.9", "memory_bytes": 32760 << 20, "bandwidth_bytes_per_s": 576 * 10**9}
RTX_6000 = {"name": made.BLACKWELL, "compute_capability": "12.0", "memory_bytes": 97887 << 20, "bandwidth_bytes_per_s": 1792 * 10**9}

HEALTHY: Values = {
    "engine_files": [files()],
    "engine_logs": [log(READY.strip(), *statistics(40.0, 4))],
}

TOO_LONG = (
    "ValueError: To serve at least one request with the model's max seq len (32768), (6.0 GiB KV cache is needed, which is larger than the available KV cache "
    "memory (4.1 GiB). Based on the available memory, the estimated maximum model length is 22400. Try increasing `gpu_memory_utilization`"
)
COMPILED = "INFO [monitor.py:53] torch.compile took 48.20 s in total"
LOADED = "INFO [backends.py:258] Directly load the 0-th graph for compile range (1, 2048) from inductor via handle x"
AWQ_14B = "Qwen/Qwen2.5-14B-Instruct-AWQ"
YARN = '{"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}}'


def twice(*lines: str) -> Values:
    text = (BEGIN + READY + "".join(line + "\n" for line in lines)) * 2
    return {"where": UNIT, "source": "journalctl -u vllm.service", "keys": [], **read(text)}


THRIFTY = ["--gpu-memory-utilization", "0.75"]
GRAPHS = ["--max-model-len", "32768"]
BROKEN: t.List[Row] = [
    (
        "L20",
        engine(["--max-model-len", "8192"], "Qwen/Qwen3.5-27B"),
        "error",
        "of files and",
        "three numbers",
        "ansible-playbook inferhost.llm.plan",
    ),
    (
        "L20",
        {"engine_files": [files(model=model(weight_bytes=6 * GIB, other_bytes=5 * GIB, others=["consolidated.safetensors"]))]},
        "info",
        "5.00 GiB that are not (consolidated.safetensors)",
        "several formats",
        "hf download",
    ),
    (
        "L21",
        engine(["--max-model-len", "8192"], DENSE),
        "error",
        "the weights do not fit; Qwen/Qwen2.5-14B-Instruct-AWQ takes",
        "another checkpoint",
        "sudo systemctl edit --full vllm.service   # --model Qwen/Qwen2.5-14B-Instruct-AWQ",
    ),
    (
        "L21",
        engine(["--max-model-len", "4096"], DENSE, running=True, **cards(**RTX_5000)),
        "info",
        "would fit",
        "not quantised",
        "--model Qwen/Qwen2.5-14B-Instruct-AWQ",
    ),
    (
        "L26",
        engine(THRIFTY, AWQ_14B, ["ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`"]),
        "error",
        "no memory is left for the cache",
        "fill what the engine may use",
        "--gpu-memory-utilization 0.95",
    ),
    ("L26", engine([], AWQ_14B, [TOO_LONG]), "error", "32,768 tokens does not fit beside its weights; 22,400 do", "whole context", "--max-model-len 22400"),
    ("L26", engine(THRIFTY, AWQ_14B, engine_logs=[]), "warning", "32,768 tokens need a cache of 6.00 GiB", "whole context", "--max-model-len "),
    (
        "L26",
        engine(FLAGS, running=True, said=["Engine 000: Running: 9 reqs, Waiting: 4 reqs, Preemptions: 431, GPU KV cache usage: 99.1%"]),
        "warning",
        "put back 431 times",
        "computed again",
        "--kv-cache-dtype fp8",
    ),
    ("L28", engine(GRAPHS, AWQ_14B, [TOO_LONG]), "error", "32,768 tokens do not fit, and 22,400 do", "was guessed", "--max-model-len 22400"),
    ("L28", engine([*GRAPHS, *THRIFTY], AWQ_14B, engine_logs=[]), "warning", "32,768 tokens need a cache", "not derived", "--max-model-len "),
    (
        "L28",
        engine(["--max-model-len", "8192"], "Qwen/Qwen3-8B-AWQ", running=True, **cards(**RTX_6000)),
        "info",
        "4 conversations of 40,960 tokens would fit",
        "another card",
        "--max-model-len 40960",
    ),
    (
        "L31",
        engine(["--max-model-len", "65536"], HYBRID, ["ValueError: max_num_seqs (1024) exceeds available Mamba cache blocks (687)."], **cards(**RTX_6000)),
        "error",
        "1024 sequences are more than the 687 blocks of state",
        "recurrent layers",
        "--max-num-seqs 687",
    ),
    (
        "L31",
        engine(["--max-model-len", "65536"], HYBRID, engine_logs=[], **cards(**RTX_6000)),
        "warning",
        "1024 sequences, and",
        "a block of state",
        "--max-num-seqs ",
    ),
    (
        "L32",
        engine(GRAPHS, "Qwen/Qwen3-8B-FP8", running=True, **cards(**A100)),
        "info",
        "FP8 checkpoint on NVIDIA A100-SXM4-80GB (compute capability 8.0)",
        "Marlin",
        "AWQ checkpoint",
    ),
    (
        "L32",
        engine(["--max-model-len", "4096"], "Qwen/Qwen3-4B-Instruct-2507-FP8", **cards(**VOLTA)),
        "error",
        "FP8 checkpoint",
        "from compute capability 7.5",
        "AWQ",
    ),
    (
        "L32",
        engine(
            [*GRAPHS, "-tp", "2"],
            "Qwen/Qwen3-8B-FP8",
            ["ValueError: Weight output_partition_size = 192 is not divisible by weight quantization block_n = 128."],
            **cards(2),
        ),
        "error",
        "blocks of 128 weights cannot be divided over 2 GPUs",
        "share a scale",
        "--tensor-parallel-size",
    ),
    ("L33", engine([*GRAPHS, "--quantization", "awq"], running=True), "warning", "--quantization awq on", "plain kernels", "--quantization awq_marlin"),
    ("L33", engine(GRAPHS, running=True, **cards(**TURING)), "warning", "four-bit checkpoint on Tesla T4", "no Marlin kernels for awq", "unquantised"),
    (
        "L33",
        engine(GRAPHS, said=["RuntimeError: CUDA error: no kernel image is available for execution on the device"]),
        "error",
        "no kernel image",
        "architecture of this card",
        "nvidia-smi --query-gpu=name,compute_cap",
    ),
    (
        "L34",
        engine(GRAPHS, running=True, said=statistics(3.2, 5)),
        "error",
        "3.2 tokens/s",
        "in place of the Marlin kernel",
        "--quantization awq_marlin",
    ),
    (
        "L35",
        engine([*GRAPHS, "--hf-overrides", YARN], running=True),
        "warning",
        "--hf-overrides stretches the positions (yarn)",
        "short ones get worse",
        "without it",
    ),
    (
        "L35",
        engine(
            GRAPHS,
            running=True,
            engine_files=[
                files(
                    model=model(
                        config={**config_of(published(SMALL)), "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}}
                    )
                )
            ],
        ),
        "warning",
        "config.json stretches",
        "nothing is gained",
        "without it (config.json)",
    ),
    (
        "L36",
        engine(GRAPHS, AWQ_14B, ["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 19.53 GiB"]),
        "error",
        "wanted 2.00 GiB more",
        "smaller than what the engine was told to use",
        "--max-model-len ",
    ),
    (
        "L36",
        engine(
            GRAPHS, said=["ValueError: Free memory on device cuda:0 (6.21/19.53 GiB) on startup is less than desired GPU memory utilization (0.92, 17.97 GiB)."]
        ),
        "error",
        "6.21 of 19.53 GiB were free",
        "another process",
        "nvidia-smi --query-compute-apps",
    ),
    (
        "L36",
        engine(GRAPHS, said=["RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try lowering `max_num_seqs`"]),
        "error",
        "sampler was tried with 1024",
        "row of logits",
        "--max-num-seqs 256",
    ),
    ("L38", engine(GRAPHS, running=True, **cards(4)), "info", "3 of 4 GPUs have no engine", "one GPU unless", "--tensor-parallel-size 4"),
    (
        "L38",
        engine([*GRAPHS, "-tp", "3"], said=["AssertionError: Total number of attention heads (28) must be divisible by tensor parallel size (3)."], **cards(3)),
        "error",
        "28 attention heads cannot be divided over 3 GPUs",
        "whole heads",
        "--tensor-parallel-size 2",
    ),
    ("L38", engine([*GRAPHS, "-tp", "2"]), "error", "--tensor-parallel-size 2, and it may use 1 GPUs", "another machine", "--tensor-parallel-size 1"),
    (
        "L39",
        engine(["--max-model-len", "65536", "--disable-hybrid-kv-cache-manager"], "google/gemma-3-27b-it", running=True, **cards(**RTX_6000)),
        "warning",
        "65,536 tokens take",
        "keep all tokens",
        "without --disable-hybrid-kv-cache-manager",
    ),
    (
        "L53",
        {"engine_files": [files(template={"path": "/templates/own.jinja", "state": "missing"})], "processes": []},
        "error",
        "--chat-template /templates/own.jinja is not there",
        "not mounted",
        "ls -l /templates/own.jinja",
    ),
    (
        "L53",
        {"engine_files": [files(template={"path": "/templates/own.jinja", "state": "folder"})]},
        "warning",
        "is a folder",
        "makes a folder",
        "ls -l /templates/own.jinja",
    ),
    (
        "L53",
        {"engine_files": [files(template={"path": "/templates/own.jinja", "state": "closed"})], "processes": []},
        "error",
        "cannot be read by the service's account",
        "closes it",
        "sudo chmod o+r /templates/own.jinja",
    ),
    (
        "L71",
        engine(GRAPHS, running=True, processes=[process(GRAPHS, VLLM_DISABLE_COMPILE_CACHE="1")]),
        "warning",
        "VLLM_DISABLE_COMPILE_CACHE is set",
        "thrown away",
        "sudo systemctl edit",
    ),
    (
        "L71",
        engine(GRAPHS, running=True, caches=[cache(writable=False)]),
        "warning",
        "cannot write /data/cache/vllm",
        "another account",
        "VLLM_CACHE_ROOT in a folder",
    ),
    ("L71", engine(GRAPHS, running=True, engine_logs=[twice(COMPILED)]), "warning", "the last 2 starts", "emptied between starts", "VLLM_CACHE_ROOT on a disk"),
    (
        "L71",
        engine(GRAPHS, running=True, caches=[{**cache(), "bytecode": False}]),
        "info",
        "keeps no bytecode",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPYCACHEPREFIX",
    ),
    (
        "L72",
        {"engine_logs": [log(READY.strip(), begin="INFO [utils.py] non-default args: {'api_key': ['sk-walrus-walrus-walrus'], 'model': 'm'}\n")]},
        "error",
        "journalctl -u vllm.service) shows the key of the API",
        "before 0.32 prints its arguments",
        "ansible-playbook inferhost.llm.rotate_keys",
    ),
    (
        "L72",
        {"services": [service(FLAGS, secret_environment=["HF_TOKEN"])]},
        "error",
        "sets HF_TOKEN with Environment=",
        "systemctl show",
        "sudo systemctl edit --full vllm.service",
    ),
    ("L72", {"engine_logs": [log(READY.strip(), keys=["engine_key"])]}, "error", "shows engine_key", "prints its arguments", "rotate_keys"),
]

MASKED = "INFO [api_utils.py] non-default args: {'api_key': '***', 'model': 'm'}\n"
NO_FINDING: t.List[t.Tuple[str, Values]] = [
    # It serves: the engine has measured what the plan only foresees.
    ("L26", engine(THRIFTY, AWQ_14B, running=True)),
    ("L28", engine([*GRAPHS, *THRIFTY], AWQ_14B, running=True)),
    # Nothing smaller is in the catalogue, or it would not give more.
    ("L21", engine(GRAPHS, running=True)),
    ("L20", engine(["--max-model-len", "8192"], DENSE)),
    ("L36", engine(["--max-model-len", "8192"], DENSE, ["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."])),
    # A single line with little to do says nothing about the kernels.
    ("L34", engine(GRAPHS, running=True, said=statistics(3.2, 1))),
    ("L34", engine(GRAPHS, running=True, said=statistics(35.0, 9))),
    ("L35", engine(["--max-model-len", "131072", "--hf-overrides", YARN], running=True)),
    # Its makers stretched it and trained it so.
    ("L35", engine(GRAPHS, "openai/gpt-oss-20b", running=True)),
    ("L38", {**engine(GRAPHS, running=True, **cards(4)), "processes": [process(GRAPHS, CUDA_VISIBLE_DEVICES="2")]}),
    ("L39", engine(["--max-model-len", "65536"], "google/gemma-3-27b-it", running=True, **cards(**RTX_6000))),
    # The second start took what the first one made.
    ("L71", engine(GRAPHS, running=True, engine_logs=[twice(COMPILED, LOADED)])),
    ("L71", engine([*GRAPHS, "--enforce-eager"], running=True, caches=[cache(writable=False)])),
    ("L72", {"engine_logs": [log(READY.strip(), begin=MASKED)]}),
    *(
        (id, {**engine(FLAGS), "gpu_info": made.changed(gpus=[]), "engine_logs": []})
        for id in ("L20", "L21", "L26", "L28", "L31", "L32", "L33", "L34", "L38", "L39")
    ),
]
