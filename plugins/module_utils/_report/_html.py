# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verification report as one page that needs nothing else: style and pictures are inside, there is no script."""

from __future__ import annotations

import html
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._throughput import amount
from ansible_collections.inferhost.llm.plugins.module_utils._report import _svg as svg
from ansible_collections.inferhost.llm.plugins.module_utils._report._report import Json, duration, summary

STYLE = """
:root { color-scheme: light dark; --bg: #f6f7f9; --card: #fff; --text: #1b2430; --dim: #5d6b7c; --line: #e2e6eb;
  --ok: #16794a; --warning: #9a6200; --error: #bd2c31; --info: #2b62b5; --skipped: #6b7684;
  --c1: #3b74d6; --c2: #2f9e7e; --c3: #d9962b; --c4: #a45bc4; --c5: #d25d64; --c6: #7b8ba3; --c7: #2a93b5; --c8: #8d7a2b; --free: #e4e8ee; --in: #fff; }
@media (prefers-color-scheme: dark) { :root { --bg: #11161d; --card: #1a212b; --text: #e4e9f0; --dim: #97a4b5; --line: #2b3542;
  --ok: #4ec68a; --warning: #e3ac4a; --error: #f07c80; --info: #7fb0f5; --skipped: #8b97a6;
  --c1: #4f86e3; --c2: #37a987; --c3: #c98b2c; --c4: #a86bc6; --c5: #d06b71; --c6: #70809a; --c7: #2f96b8; --c8: #94822f; --free: #2b3542; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 32px 20px 64px; }
header { display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: baseline; justify-content: space-between; margin-bottom: 20px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 16px; margin: 0 0 12px; }
p { margin: 0; } .dim { color: var(--dim); } .small { font-size: 13px; }
.badge { font-weight: 600; padding: 4px 14px; border-radius: 999px; border: 1.5px solid currentColor; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin-bottom: 12px; }
section, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 20px; }
section { margin-bottom: 12px; } .tile strong { display: block; font-size: 24px; line-height: 1.3; }
svg { display: block; width: 100%; height: auto; font: 14px system-ui, sans-serif; fill: var(--text); }
svg .in { fill: var(--in); font-weight: 600; } svg .axis { fill: var(--dim); font-size: 13px; }
.c1 { fill: var(--c1); background: var(--c1); } .c2 { fill: var(--c2); background: var(--c2); } .c3 { fill: var(--c3); background: var(--c3); }
.c4 { fill: var(--c4); background: var(--c4); } .c5 { fill: var(--c5); background: var(--c5); } .c6 { fill: var(--c6); background: var(--c6); }
.c7 { fill: var(--c7); background: var(--c7); } .c8 { fill: var(--c8); background: var(--c8); }
.free { fill: var(--free); background: var(--free); } svg .free + .in { fill: var(--dim); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 12px 0 0; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 7px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--dim); font-weight: 500; font-size: 13px; } tr:last-child td { border-bottom: 0; } td:last-child { padding-right: 0; }
td.name { white-space: nowrap; } td.seen { overflow-wrap: anywhere; min-width: 240px; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.ok { color: var(--ok); } .warning { color: var(--warning); } .error, .critical { color: var(--error); }
.info { color: var(--info); } .skipped { color: var(--skipped); }
.status { font-weight: 600; white-space: nowrap; }
article { border-left: 3px solid currentColor; padding: 2px 0 2px 14px; margin: 0 0 14px; } article:last-child { margin: 0; }
article * { color: var(--text); } code, pre { font: 13px/1.5 ui-monospace, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 6px 0 0; padding: 8px 12px; border-radius: 6px; background: var(--bg); }
th:last-child { text-align: right; padding-right: 0; } .note { margin-top: 10px; } hr { border: 0; margin: 12px; }
summary { cursor: pointer; font-weight: 600; }
"""


def page(document: Json) -> str:
    body = [
        _head(document),
        _tiles(document),
        _findings(document["findings"]),
        memory_section(document["plan"]),
        _speed(document),
        *[_startup(one) for one in document["startup"]],
        _checks(document["rows"]),
        _plan(document["plan"]),
    ]
    return shell(f"Verification of {document['model']['name']}", body)


def shell(title: str, body: t.Sequence[str]) -> str:
    """A page of these parts; empty ones are left out."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_t(title)}</title><style>{STYLE}</style></head>\n<body><main>\n" + "\n".join(part for part in body if part) + "\n</main></body></html>\n"
    )


def escaped(text: t.Any) -> str:
    """Text as markup may carry it."""
    return html.escape(str(text), quote=True)


_t = escaped


def _head(document: Json) -> str:
    status = "error" if not document["ok"] else "warning" if document["counts"]["warning"] else "ok"
    word = "Verified" if document["ok"] else "Not verified"
    return (
        f"<header><div><h1>{_t(document['model']['name'])}</h1>"
        f'<p class="dim">{_t(document["endpoint"]["url"])}/v1 on {_t(document["host"])} \u00b7 {_t(document["when"])}</p></div>'
        f'<span class="badge {status}" title="{_t(summary(document))}">{word}</span></header>'
    )


def _tiles(document: Json) -> str:
    speed, counts = document["speed"], document["counts"]
    judged = counts["ok"] + counts["warning"] + counts["error"]
    tiles = [
        ("Tokens per second", f"{speed['tokens_per_s']:.1f}" if speed.get("tokens_per_s") else "\u2013", "one request, after the first token"),
        ("First token", duration(speed["first_token_s"]) if speed.get("first_token_s") else "\u2013", "from request to first piece"),
        ("Context", f"{document['model']['max_model_len']:,}", "tokens of prompt and answer"),
        ("Checks", f"{counts['ok']} of {judged}", "passed"),
    ]
    shown = [
        f'<div class="tile"><span class="dim">{name}</span><strong>{_t(value)}</strong><span class="dim small">{note}</span></div>'
        for name, value, note in tiles
    ]
    return f'<div class="tiles">{"".join(shown)}</div>'


def _findings(findings: t.Sequence[Json]) -> str:
    if not findings:
        return ""
    items = []
    for one in findings:
        kind = f'<span class="dim small">{_t(one["id"])}, {_t(one["severity"])}</span>'
        text = f'<p><strong>{_t(one["title"])}</strong> {kind}</p><p>{_t(one["seen"])}</p><p class="dim">{_t(one["cause"])}</p><pre>{_t(one["fix"])}</pre>'
        items.append(f'<article class="{_t(one["severity"])}">{text}</article>')
    return f"<section><h2>What is wrong</h2>{''.join(items)}</section>"


def memory_section(plan: Json) -> str:
    """The memory bar with its legend; nothing where the plan has no sizes."""
    parts = svg.memory_parts(plan)
    if not parts:
        return ""
    device, limits = plan["device"], plan["limits"]
    each = f" (each of {device['count']})" if device["count"] > 1 else ""
    picture = svg.stacked_bar(parts, "Planned use of the device's memory")
    note = f"The KV cache holds {limits['kv_tokens']:,} tokens; one request may use {limits['max_model_len']:,} of them."
    return (
        f"<section><h2>Memory of {_t(device['name'])}{each}: {_gib(device['memory_bytes'])}, as planned</h2>{picture}{_legend(parts, _gib)}"
        f'<p class="dim small note">{note}</p></section>'
    )


def _speed(document: Json) -> str:
    verdict = document["verdict"]
    if not verdict:
        return ""
    speed = document["speed"]
    rows = svg.speed_lines(verdict)
    reason = verdict["reason"]
    facts = [reason[:1].upper() + reason[1:] + "."]
    if verdict["bytes_per_token"]:
        arithmetic = f"{amount(verdict['bytes_per_token'])} are read a token"
        if verdict["implied_bandwidth_bytes_per_s"]:
            arithmetic += f", which is {amount(verdict['implied_bandwidth_bytes_per_s'])}/s at this speed"
        if verdict["bandwidth_bytes_per_s"]:
            arithmetic += f" of {amount(verdict['bandwidth_bytes_per_s'])}/s that the memory delivers"
        facts.append(arithmetic + ".")
    if speed.get("inter_token_p50_s") is not None:
        median, late = duration(speed["inter_token_p50_s"]), duration(speed["inter_token_p95_s"])
        facts.append(f"Between two tokens: {median} in the median, {late} at the 95th percentile.")
    if document.get("copy_bandwidth_bytes_per_s"):
        facts.append(f"One core copies {amount(document['copy_bandwidth_bytes_per_s'])}/s on this host (measured, read and write counted).")
    picture = svg.lines(rows, "Measured, expected and possible tokens per second") if rows else ""
    word, colour = _VERDICTS[verdict["verdict"]]
    return f'<section><h2>Speed of one request: <span class="{colour}">{word}</span></h2>{picture}<p class="dim small note">{_t(" ".join(facts))}</p></section>'


_VERDICTS: t.Mapping[str, tuple[str, str]] = {
    "ok": ("as expected", "ok"),
    "slow": ("slow", "warning"),
    "fallback": ("far too slow", "error"),
    "unknown": ("measured, not judged", "info"),
}


def _startup(timeline: Json) -> str:
    parts = svg.phase_parts(timeline)
    if not parts:
        return ""
    picture = svg.timeline(parts, f"Phases of the start of {timeline['service']}")
    title = f"Last start of {_t(timeline['service'])}: {duration(float(timeline['ready']))} until its first answer"
    return f"<section><h2>{title}</h2>{picture}{_legend(parts, duration)}</section>"


def _legend(parts: t.Sequence[svg.Part], show: t.Callable[[float], str]) -> str:
    items = [f'<li><i class="{part.colour}"></i>{_t(part.label)} <span class="dim">{_t(show(part.value))}</span></li>' for part in parts]
    return f'<ul class="legend small">{"".join(items)}</ul>'


def _table(rows: t.Iterable[str], head: str = "") -> str:
    top = f"<thead>{head}</thead>" if head else ""
    return f'<div class="scroll"><table>{top}<tbody>{"".join(rows)}</tbody></table></div>'


def _row(*cells: tuple[str, str]) -> str:
    """A row of (class, markup) cells."""
    return "<tr>" + "".join(f'<td class="{kind}">{markup}</td>' for kind, markup in cells) + "</tr>"


def _checks(rows: t.Sequence[Json]) -> str:
    lines = []
    section = ""
    for one in rows:
        status, took = one["status"], duration(one["elapsed_s"]) if one["elapsed_s"] is not None else ""
        lines.append(
            _row(
                ("dim", _t(one["section"]) if one["section"] != section else ""),
                (f"status {status}", f"{_MARKS[status]} {status}"),
                ("name", _t(one["name"])),
                ("seen dim", _t(one["seen"])),
                ("number dim", took),
            )
        )
        section = one["section"]
    return f"<section><h2>Checks</h2>{_table(lines, '<tr><th></th><th></th><th>Check</th><th>Seen</th><th>Took</th></tr>')}</section>"


_MARKS: t.Mapping[str, str] = {"ok": "\u2713", "warning": "!", "error": "\u2717", "info": "i", "skipped": "\u2013"}


def _plan(plan: Json) -> str:
    return f"<section><details><summary>The plan: every size and flag with its reason</summary>{plan_tables(plan)}</details></section>"


def plan_tables(plan: Json) -> str:
    """Every size with its source and every flag with its reason."""
    sizes = [_row(("", _t(one["name"].replace("_", " "))), ("number", _t(_value(one))), ("seen dim", _t(one["source"]))) for one in plan["sizes"]]
    flags = [_row(("", _code(one["flag"])), ("", _code(one["value"])), ("seen dim", _t(one["reason"]))) for one in plan["flags"]]
    return f"{_table(sizes)}<hr>{_table(flags)}"


def _code(text: str | None) -> str:
    return f"<code>{_t(text)}</code>" if text is not None else ""


def _value(size: Json) -> str:
    if size["unit"] == "bytes":
        return _gib(size["value"])
    text = f"{size['value']:,}"
    return f"{text} {size['unit']}" if size["unit"] != size["name"] else text


def _gib(size: float) -> str:
    """Binary units, as memory is sold and nvidia-smi shows it."""
    for unit, one in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size:.0f} B"
