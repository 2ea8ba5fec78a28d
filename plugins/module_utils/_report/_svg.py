# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of the verification report, as inline SVG. Numbers in, markup out; colours come from the page's style."""

from __future__ import annotations

import html
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._parts import FREE
from ansible_collections.inferhost.llm.plugins.module_utils._plan._parts import parts as plan_parts
from ansible_collections.inferhost.llm.plugins.module_utils._report._report import Json, duration

WIDTH = 900
BAR = 44
# A part that would be narrower is drawn this wide, so that nothing disappears; the legend has the figures.
NARROWEST = 2.5


class Part(t.NamedTuple):
    label: str
    value: float
    colour: str


# Colours of what lies side by side in the device's memory.
MEMORY_COLOURS: t.Mapping[str, str] = {
    "weights": "c1",
    "kv_cache": "c2",
    "activation_peak": "c3",
    "cuda_graphs": "c4",
    "non_torch": "c5",
    "runtime": "c6",
    FREE: "free",
}
# What the engine does from the moment a phase of its start is first seen in its log.
PHASES: t.Mapping[str, tuple[str, str]] = {
    "start": ("Imports", "c6"),
    "import": ("Options", "c3"),
    "engine": ("Engine", "c4"),
    "load": ("Load weights", "c1"),
    "kv_cache": ("KV cache", "c2"),
    "compile": ("Compile, warm up", "c5"),
    "graphs": ("CUDA graphs", "c7"),
    "server": ("First answer", "c8"),
}


def memory_parts(plan: Json) -> list[Part]:
    """What fills the memory of one device, and last what is left of it."""
    return [Part(one.label, one.value, MEMORY_COLOURS[one.name]) for one in plan_parts(plan)]


def stacked_bar(parts: t.Sequence[Part], title: str) -> str:
    """One bar, its parts side by side."""
    return _svg(BAR, title, _side_by_side(parts))


def _side_by_side(parts: t.Sequence[Part]) -> list[str]:
    shapes = []
    x = 0.0
    for part, width in zip(parts, _widths([part.value for part in parts])):
        label = html.escape(part.label)
        shapes.append(f'<rect class="{part.colour}" x="{x:.1f}" y="0" width="{max(0.5, width - 1):.1f}" height="{BAR}"><title>{label}</title></rect>')
        if width > 9 * len(part.label):
            shapes.append(f'<text class="in" x="{x + width / 2:.1f}" y="{BAR / 2 + 5}" text-anchor="middle">{label}</text>')
        x += width
    return shapes


def _widths(values: t.Sequence[float]) -> list[float]:
    """Widths that sum to the picture's, in proportion but for what would vanish."""
    total = sum(values) or 1.0
    raised = [max(NARROWEST, WIDTH * value / total) for value in values]
    largest = max(range(len(raised)), key=lambda index: raised[index]) if raised else 0
    if raised:
        raised[largest] -= sum(raised) - WIDTH
    return raised


class Line(t.NamedTuple):
    label: str
    value: float
    text: str
    colour: str


def speed_lines(verdict: Json) -> list[Line]:
    """Measured beside expected and possible, as far as they are known."""
    known = (
        ("Measured", "tokens_per_s", "c1"),
        ("Expected", "expected_tokens_per_s", "c6"),
        ("Memory limit", "roofline_tokens_per_s", FREE),
    )
    return [Line(label, verdict[name], f"{verdict[name]:.1f} tokens/s", colour) for label, name, colour in known if verdict.get(name)]


def lines(rows: t.Sequence[Line], title: str) -> str:
    """Bars below each other on one scale."""
    label_width, text_width, step = 120, 130, 34
    most = max((row.value for row in rows), default=0) or 1.0
    shapes = []
    for index, row in enumerate(rows):
        y = index * step
        width = max(NARROWEST, (WIDTH - label_width - text_width) * row.value / most)
        shapes.append(f'<text x="0" y="{y + 18}">{html.escape(row.label)}</text>')
        shapes.append(f'<rect class="{row.colour}" x="{label_width}" y="{y}" width="{width:.1f}" height="26" rx="3"/>')
        shapes.append(f'<text x="{label_width + width + 8:.1f}" y="{y + 18}">{html.escape(row.text)}</text>')
    return _svg(len(rows) * step - 8, title, shapes)


def phase_parts(timeline: Json) -> list[Part]:
    """Phases of a start with their seconds; a phase lasts until the next one is seen."""
    seen = sorted(timeline["phases"].items(), key=lambda pair: pair[1])
    names = ["start"] + [name for name, _when in seen]
    borders = [0.0] + [float(when) for _name, when in seen] + [float(timeline["ready"])]
    parts = []
    for index, name in enumerate(names):
        lasted = borders[index + 1] - borders[index]
        if lasted > 0:
            label, colour = PHASES.get(name, (name, "c6"))
            parts.append(Part(label, lasted, colour))
    return parts


def timeline(parts: t.Sequence[Part], title: str) -> str:
    """A bar with its time axis."""
    total = sum(part.value for part in parts)
    shapes = _side_by_side(parts)
    for share, anchor in ((0.0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"), (1.0, "end")):
        mark = duration(total * share) if share else "0 s"
        shapes.append(f'<text class="axis" x="{WIDTH * share:.1f}" y="{BAR + 20}" text-anchor="{anchor}">{mark}</text>')
    return _svg(BAR + 26, title, shapes)


def _svg(height: float, title: str, shapes: t.Sequence[str]) -> str:
    label = html.escape(title, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg">{"".join(shapes)}</svg>'
