# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts and wishes in, the plan document out. Pure; `docs/architecture.md` fixes the document."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan import _cpu as plan_cpu
from ansible_collections.inferhost.llm.plugins.module_utils._plan import _cuda as plan_cuda
from ansible_collections.inferhost.llm.plugins.module_utils._plan import _devices as plan_devices
from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue import Published, config_of, find, sampling_of, siblings
from ansible_collections.inferhost.llm.plugins.module_utils._plan._checkpoint import Checkpoint
from ansible_collections.inferhost.llm.plugins.module_utils._plan._clients import CLIENTS
from ansible_collections.inferhost.llm.plugins.module_utils._plan._demand import client_verdict, concurrency_warnings
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import LIBRARIES, NEWEST_READ, Version, dotted, parse_version
from ansible_collections.inferhost.llm.plugins.module_utils._plan._expect import expectations
from ansible_collections.inferhost.llm.plugins.module_utils._plan._geometry import parameters
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import DTYPE_BYTES
from ansible_collections.inferhost.llm.plugins.module_utils._plan._loaded import stored_bytes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import PLANNED_TYPES, Model, read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._parser_choice import chosen, parser_flags
from ansible_collections.inferhost.llm.plugins.module_utils._plan._siblings import advised
from ansible_collections.inferhost.llm.plugins.module_utils._plan._start import start
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import (
    SCHEMA,
    Document,
    Outcome,
    PlanInputError,
    Refusal,
    Wishes,
    size,
    warning,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._yarn import stretched

KV_CACHE_DTYPES = ("auto", "bfloat16", "float16", "fp8", "fp8_e4m3", "fp8_e5m2")

# Partial files, locks and the hub's own copies beside the checkpoint.
DISK_HEADROOM = 0.10

# An answer may take a quarter of the context, within these bounds.
OUTPUT_SHARE = 4
OUTPUT_BOUNDS = (256, 32768)

# Of generation_config.json.
SAMPLING_FIELDS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")

NO_LIMITS = {"max_model_len": 0, "max_num_seqs": 0, "max_num_batched_tokens": 0, "max_output_tokens": 0, "kv_tokens": 0}


class Subject(t.NamedTuple):
    """The model as it is on disk or listed by a hub. `checkpoint` is None when only its configuration is known."""

    id: str
    name: str
    path: t.Optional[str]
    model: Model
    checkpoint: t.Optional[Checkpoint]
    chat_template: str = ""
    # The files are already where the engine reads them, so the disk needs no room for them.
    in_place: bool = False
    # What the checkpoint's own generation_config.json says of sampling.
    generation: t.Mapping[str, t.Any] = {}


def make_plan(subject: Subject, gpus: t.Sequence[t.Mapping[str, t.Any]], cpu: t.Mapping[str, t.Any], wishes: Wishes) -> Document:
    """The plan; one that cannot work carries a `refusal`. Raises PlanInputError for options and facts that make no sense."""
    plan = _plan(subject, gpus, cpu, wishes)
    known = find(subject.id)
    if known is None or plan["engine"]["build"] != "cuda" or not gpus:
        return plan
    return advised(plan, [_plan(from_catalogue(one), gpus, cpu, wishes) for one in siblings(known)])


def from_catalogue(model: Published, name: str = "") -> Subject:
    """A checkpoint that is only known by the catalogue."""
    return Subject(model.id, name or model.id.rsplit("/", 1)[-1], None, read_config(config_of(model), None, model.id), None)


def _plan(subject: Subject, gpus: t.Sequence[t.Mapping[str, t.Any]], cpu: t.Mapping[str, t.Any], wishes: Wishes) -> Document:
    version = parse_version(wishes.engine_version)
    _check_wishes(wishes)
    gpus = plan_devices.completed(gpus)
    build = wishes.engine_build if wishes.engine_build != "auto" else ("cuda" if gpus else "cpu")
    document = _frame(subject, wishes, build)
    try:
        outcome = _outcome(subject, gpus, cpu, wishes, version, build)
    except Refusal as refusal:
        document["refusal"] = refusal.document()
        return document
    _fill(document, subject, outcome, wishes, version)
    if build == "cuda" and document["refusal"] is None:
        document["expect"] = expectations(gpus, version)
    return document


def _check_wishes(wishes: Wishes) -> None:
    for name in ("context", "concurrency", "kv_cache_bytes", "max_output_tokens", "tensor_parallel"):
        value = getattr(wishes, name)
        if value < 0:
            raise PlanInputError("%s: must be 0 (decide) or above, not %d" % (name, value))
    if not 0.1 <= wishes.gpu_memory_utilization < 1.0:
        raise PlanInputError(
            "gpu_memory_utilization: must be at least 0.1 and below 1.0, not %g; the rest of the card is for what the engine does not measure"
            % wishes.gpu_memory_utilization
        )
    if wishes.kv_cache_dtype not in KV_CACHE_DTYPES:
        raise PlanInputError("kv_cache_dtype: must be one of %s, not %r" % (", ".join(KV_CACHE_DTYPES), wishes.kv_cache_dtype))
    if wishes.client not in CLIENTS:
        raise PlanInputError("client: must be one of %s, not %r" % (", ".join(CLIENTS), wishes.client))
    if wishes.engine_build not in ("auto", "cpu", "cuda"):
        raise PlanInputError("engine_build: must be auto, cpu or cuda, not %r" % wishes.engine_build)


def _frame(subject: Subject, wishes: Wishes, build: str) -> Document:
    model = subject.model
    return {
        "schema": SCHEMA,
        "model": {
            "id": subject.id,
            "name": subject.name,
            "path": subject.path,
            "architecture": model.architecture,
            "dtype": model.dtype,
            "quantization": model.quantization.method if model.quantization else None,
            "native_context": model.native_context,
            "layers": model.layers,
            "hidden_size": model.hidden_size,
            "vocab_size": model.vocab_size,
            "heads": model.heads,
            "kv_heads": model.kv_heads,
            "head_dim": model.head_dim,
        },
        "device": {"kind": build, "name": "", "count": 0, "memory_bytes": None, "bandwidth_bytes_per_s": None, "source": ""},
        "engine": {"name": "vllm", "version": wishes.engine_version, "build": build},
        "sizes": [],
        "limits": dict(NO_LIMITS),
        "flags": [],
        "environment": [],
        "capabilities": {"tool_calls": False, "tool_parser": None, "reasoning": False, "reasoning_parser": None, "vision": model.vision},
        "sampling": _sampling(subject),
        "roofline": {"bytes_per_token": 0, "bandwidth_bytes_per_s": None, "tokens_per_s_max": None, "source": ""},
        "need": {"disk_bytes": _disk_bytes(subject), "memory_bytes": 0, "start_seconds": 0, "libraries": LIBRARIES[build]},
        "expect": None,
        "warnings": [],
        "alternatives": [],
        "refusal": None,
    }


def _sampling(subject: Subject) -> t.Optional[Document]:
    """What the makers advise, by the model's ways of answering; what the checkpoint itself says, which the engine takes, where nothing else is known."""
    known = find(subject.id)
    ways = sampling_of(known) if known else {}
    if ways:
        return {"ways": ways, "source": "what its makers advise"}
    own = {name: subject.generation[name] for name in SAMPLING_FIELDS if isinstance(subject.generation.get(name), (int, float))}
    return {"ways": {"plain": own}, "source": "the checkpoint's generation_config.json"} if own else None


def _outcome(subject: Subject, gpus: t.Sequence[t.Mapping[str, t.Any]], cpu: t.Mapping[str, t.Any], wishes: Wishes, version: Version, build: str) -> Outcome:
    model = subject.model
    if model.not_planned is not None:
        raise Refusal(
            "not_planned_yet",
            "%s has %s, so its memory is not planned" % (model.architecture, model.not_planned),
            ["use a model of a planned family: %s" % ", ".join(sorted(PLANNED_TYPES))],
        )
    longer = stretched(model, subject.name, wishes, version)
    outcome = _on_device(longer.model, subject, gpus, cpu, wishes, version, build)
    return outcome._replace(flags=outcome.flags + longer.flags if outcome.flags else [], warnings=outcome.warnings + longer.warnings)


def _on_device(
    model: Model, subject: Subject, gpus: t.Sequence[t.Mapping[str, t.Any]], cpu: t.Mapping[str, t.Any], wishes: Wishes, version: Version, build: str
) -> Outcome:
    if build == "cuda":
        if not gpus:
            raise Refusal("no_gpu", "the CUDA build was asked for and the host has no NVIDIA GPU", ["set engine_build to cpu", "use a host with an NVIDIA GPU"])
        files = subject.checkpoint
        return plan_cuda.plan(model, files.weight_bytes if files else None, files.source if files else "", plan_devices.select(gpus), wishes, version)
    count, source = _parameters(subject)
    return plan_cpu.plan(model, count, source, cpu, wishes, version)


def _parameters(subject: Subject) -> t.Tuple[int, str]:
    if subject.checkpoint is not None and subject.checkpoint.parameters is not None:
        return subject.checkpoint.parameters, "counted in the headers of the weight files"
    return parameters(subject.model).total, "by the shape of the layers in config.json"


def _disk_bytes(subject: Subject) -> int:
    if subject.in_place:
        return 0
    return int(_download(subject)[0] * (1 + DISK_HEADROOM))


def _download(subject: Subject) -> t.Tuple[int, str]:
    if subject.checkpoint is not None:
        return subject.checkpoint.download_bytes, subject.checkpoint.source
    drafters = subject.model.drafter_elements * DTYPE_BYTES[subject.model.dtype]
    return (stored_bytes(subject.model) or 0) + drafters, "weights by the shape of the layers; the file list is not known"


def _fill(document: Document, subject: Subject, outcome: Outcome, wishes: Wishes, version: Version) -> None:
    model = subject.model
    count, count_source = _parameters(subject)
    download, download_source = _download(subject)
    shape = parameters(model)
    deadline = start(download, document["engine"]["build"])
    limits = dict(outcome.limits, max_output_tokens=_max_output_tokens(wishes, outcome.limits["max_model_len"]))
    choice, warnings = chosen("%s %s" % (subject.id, subject.name), model.model_type, subject.chat_template, wishes, version)
    warnings = outcome.warnings + warnings + _version_warnings(version)
    refusal = outcome.refusal
    if refusal is None:
        refusal, more = client_verdict(wishes, limits["max_model_len"], subject.model.native_context)
        warnings += more
    if refusal is None and wishes.concurrency:
        warnings += concurrency_warnings(outcome, wishes)
    document.update(
        device=outcome.device,
        sizes=[
            size("parameters", count, "parameters", count_source),
            size("active_parameters", shape.active if model.experts or model.vision else count, "parameters", "parameters that one token of text uses"),
            size("download", download, "bytes", download_source),
            *outcome.sizes,
            deadline,
        ],
        limits=limits,
        flags=outcome.flags + parser_flags(choice, wishes) if outcome.flags else [],
        environment=outcome.environment,
        capabilities={
            "tool_calls": choice.tool_parser is not None,
            "tool_parser": choice.tool_parser,
            "reasoning": choice.reasoning_parser is not None,
            "reasoning_parser": choice.reasoning_parser,
            "vision": model.vision,
        },
        roofline=_roofline(outcome),
        need={**document["need"], "memory_bytes": outcome.memory_bytes, "start_seconds": deadline["value"]},
        warnings=warnings,
        alternatives=outcome.alternatives,
        refusal=refusal.document() if refusal else None,
    )


def _max_output_tokens(wishes: Wishes, context: int) -> int:
    least, most = OUTPUT_BOUNDS
    wanted = wishes.max_output_tokens or min(most, max(least, context // OUTPUT_SHARE))
    # One token of every request is the prompt's.
    return max(0, min(wanted, context - 1))


def _version_warnings(version: Version) -> t.List[Document]:
    if version <= NEWEST_READ:
        return []
    return [
        warning("engine_newer_than_tables", "vLLM %s is newer than %s, the newest release the tables were read from" % (dotted(version), dotted(NEWEST_READ)))
    ]


def _roofline(outcome: Outcome) -> Document:
    known = bool(outcome.bandwidth)
    return {
        "bytes_per_token": outcome.bytes_per_token,
        "bandwidth_bytes_per_s": outcome.bandwidth,
        "tokens_per_s_max": round(outcome.bandwidth / outcome.bytes_per_token, 1) if outcome.bandwidth else None,
        "source": "memory bandwidth / weights that one token reads, one sequence, short context" if known else "the memory bandwidth is not known",
    }
