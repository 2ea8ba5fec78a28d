# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verification report: the checks' results in, one document and the lines of a table out. No I/O."""

from __future__ import annotations

import typing as t

Json = dict[str, t.Any]

SCHEMA = 1
STATUSES = ("error", "warning", "info", "ok", "skipped")
_SEVERITIES: t.Mapping[str, str] = {"critical": "error", "error": "error", "warning": "warning", "info": "info", "ok": "ok"}
SEEN_CHARACTERS = 110


def row(section: str, name: str, status: str, seen: str, elapsed_s: float | None = None) -> Json:
    return {"section": section, "name": name, "status": status, "seen": seen, "elapsed_s": elapsed_s}


def endpoint_rows(result: Json) -> list[Json]:
    rows = []
    for one in result["rows"]:
        status = "ok" if one["ok"] else _SEVERITIES[one["finding"]["severity"]]
        rows.append(row("Endpoints", one["name"], status, one["seen"], one["elapsed_s"]))
    return rows


def tool_call_rows(result: Json) -> list[Json]:
    rows = []
    for answer in result["answers"]:
        name = "Tool call, streamed" if answer["streamed"] else "Tool call"
        status = "ok" if answer["code"] == "ok" else "warning" if answer["ok"] else "error"
        seen = answer["detail"] if answer["code"] == "ok" else f"{answer['code']}: {answer['detail']}"
        rows.append(row("Tool calls", name, status, seen, answer["elapsed_s"]))
    return rows


_VERDICTS: t.Mapping[str, str] = {"ok": "ok", "slow": "warning", "fallback": "error", "unknown": "info"}


def throughput_rows(result: Json) -> list[Json]:
    speed, verdict = result["speed"], result["verdict"]
    if not speed:
        return [row("Speed", "Decoding", "error", result["findings"][0]["seen"])]
    rows = [row("Speed", "First token", "ok", f"after {duration(speed['first_token_s'])}")]
    if speed["tokens_per_s"] is None:
        return [*rows, row("Speed", "Decoding", "info", verdict["reason"])]
    seen = f"{speed['tokens_per_s']:.1f} tokens/s over {speed['tokens']} tokens"
    if verdict["verdict"] == "unknown":
        seen += f", not judged: {verdict['reason']}"
    else:
        seen += f", {verdict['reason']}"
    return [*rows, row("Speed", "Decoding", _VERDICTS[verdict["verdict"]], seen, speed["total_s"])]


def cache_rows(result: Json) -> list[Json]:
    bad = len(result["findings"])
    if not result["caches"]:
        return [row("Host", "Caches on the persistent path", "error", result["findings"][0]["seen"])]
    seen = (
        "; ".join(finding["seen"] for finding in result["findings"])
        or f"{len(result['caches'])} of {len(result['caches'])} variables of process {result['pid']}"
    )
    return [row("Host", "Caches on the persistent path", "error" if bad else "ok", seen)]


def secret_rows(result: Json) -> list[Json]:
    searched = result["searched"]
    where = f"{searched['keys']} keys searched in {searched['files']} files and {searched['processes']} command lines"
    if searched["journal_bytes"]:
        where += f" and {searched['journal_bytes']} bytes of journal"
    if result["skipped"]:
        where += "; not searched: " + ", ".join(f"{entry['where']} ({entry['why']})" for entry in result["skipped"])
    leaks = ", ".join(entry["where"] for entry in result["leaks"])
    modes = ", ".join(f"{entry['path']} ({entry['mode']})" for entry in result["modes"])
    return [
        row("Secrets", "Keys nowhere but in their files", "error" if leaks else "ok", f"found in {leaks}" if leaks else where),
        row("Secrets", "Key files closed to others", "error" if modes else "ok", f"open: {modes}" if modes else "folders 0700, files 0600"),
    ]


# What an expectation of gpu_verify is called; one that is not here has its own name.
_GPU_TITLES: t.Mapping[str, str] = {
    "gpu_count": "GPUs on the bus",
    "model": "Model of the GPUs",
    "min_memory_bytes": "Memory of each GPU",
    "cuda_init": "CUDA starts",
    "cuda_major": "CUDA is new enough",
    "driver_branch": "Branch of the driver",
    "open_module": "Kernel module of the right kind",
    "same_version": "Driver of one version",
    "fabric_manager": "Fabric manager",
}


def gpu_rows(result: Json) -> list[Json]:
    """A row for each expectation; one that could not be looked at is not met."""
    rows = []
    for one in result["expectations"]:
        name = _GPU_TITLES.get(one["name"], one["name"].replace("_", " ").capitalize())
        seen = one["seen"] if one["met"] == "yes" else f"{one['seen']} (asked for: {one['asked']})"
        rows.append(row("Host", name, "ok" if one["met"] == "yes" else "error", seen))
    return rows


_NOT_RUN: t.Mapping[str, str] = {
    "id": "not_checked",
    "severity": "error",
    "cause": "the check itself failed",
    "fix": "ansible-playbook inferhost.llm.verify -vvv",
}

# Name of a result, how it becomes rows, and what it is called where it could not be had.
_PARTS: tuple[tuple[str, t.Callable[[Json], list[Json]], str, str], ...] = (
    ("gpu", gpu_rows, "Host", "GPUs and CUDA"),
    ("endpoints", endpoint_rows, "Endpoints", "Endpoints"),
    ("tool_call", tool_call_rows, "Tool calls", "Tool call"),
    ("throughput", throughput_rows, "Speed", "Decoding"),
    ("caches", cache_rows, "Host", "Caches on the persistent path"),
    ("secrets", secret_rows, "Secrets", "Keys nowhere but in their files"),
)


def assemble(results: t.Mapping[str, t.Any], plan: Json, endpoint: Json, host: str, when: str, startup: t.Sequence[Json] = ()) -> Json:
    """The document. A check that was left out is a skipped row, one that could not run an error."""
    rows: list[Json] = []
    findings: list[Json] = []
    for name, make, section, title in _PARTS:
        result = results.get(name)
        if result is None or result.get("skipped") is True:
            # Of a host that serves from its processor nobody misses a GPU.
            if name != "gpu":
                rows.append(row(section, title, "skipped", "left out"))
        elif "ok" not in result:
            seen = f"could not be checked: {result.get('msg', 'no result')}"
            rows.append(row(section, title, "error", seen))
            findings.append({**_NOT_RUN, "title": f"Failed: {title}", "seen": seen})
        else:
            rows.extend(make(result))
            findings.extend(result["findings"])
    counts = {status: sum(one["status"] == status for one in rows) for status in STATUSES}
    throughput = results.get("throughput") or {}
    return {
        "schema": SCHEMA,
        "host": host,
        "when": when,
        "endpoint": endpoint,
        "model": {"name": plan["model"]["name"], "max_model_len": plan["limits"]["max_model_len"]},
        "ok": counts["error"] == 0,
        "counts": counts,
        "rows": rows,
        "findings": findings,
        "speed": throughput.get("speed") or {},
        "verdict": throughput.get("verdict") or {},
        "copy_bandwidth_bytes_per_s": throughput.get("copy_bandwidth_bytes_per_s"),
        "startup": list(startup),
        "plan": plan,
    }


def failed(document: Json, fail_on: str) -> bool:
    """Whether the run must end with an error: fail_on is error, warning or never."""
    counts = document["counts"]
    return fail_on != "never" and (counts["error"] > 0 or (fail_on == "warning" and counts["warning"] > 0))


def summary(document: Json) -> str:
    counts = document["counts"]
    words = [f"{counts[status]} {status}" for status in STATUSES if counts[status]]
    return f"{'verified' if document['ok'] else 'NOT verified'}: {', '.join(words)}"


def lines(document: Json) -> list[str]:
    """The table that a run ends with."""
    endpoint, model = document["endpoint"], document["model"]
    head = [
        ("endpoint", f"{endpoint['url']}/v1"),
        ("key file", endpoint["key_file"]),
        ("model", model["name"]),
        ("context", f"{model['max_model_len']} tokens"),
        ("report", endpoint["report"]),
    ]
    text = [f"{name:<9} {value}" for name, value in head]
    width = max((len(one["name"]) for one in document["rows"]), default=0)
    text.append("")
    for one in document["rows"]:
        took = duration(one["elapsed_s"]) if one["elapsed_s"] is not None else ""
        seen = one["seen"] if len(one["seen"]) <= SEEN_CHARACTERS else one["seen"][: SEEN_CHARACTERS - 1] + "\u2026"
        text.append(f"{one['status']:<7} {one['name']:<{width}} {took:>8}  {seen}")
    text += ["", summary(document)]
    return text


def problems(document: Json) -> str:
    """One message for a run that ends here: everything wrong, worst first, with its fix."""
    wrong = sorted((f for f in document["findings"] if f["severity"] != "info"), key=lambda f: ("critical", "error", "warning").index(f["severity"]))
    return " | ".join([summary(document)] + [f"{one['title']}: {one['seen']}. Fix: {one['fix']}" for one in wrong])


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 0.001:
        return "<1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
