# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""Values a tool call carries (paths, cities, commands), and the rule that keeps some of them out of training."""

from __future__ import annotations

import hashlib
import random
import string

from tools.demo_model import tables

HELD_OUT_SHARE = 16
_SAFE = string.ascii_lowercase + string.digits
_WIDE = _SAFE + string.ascii_uppercase + "_-"
_ACCENTS = "äöüéèçñøåßпривет日本語中文"


def is_held_out(value: str) -> bool:
    """Whether a value belongs to evaluation: one in sixteen, by a digest of its text, whatever seed made it.

    Training never emits such a value and evaluation emits nothing else, so no seed can make the two meet.
    """
    return hashlib.sha256(value.encode()).digest()[0] % HELD_OUT_SHARE == 0


def random_name(rng: random.Random, longest: int = 10) -> str:
    """Letters and digits without meaning, 1 to ``longest`` characters."""
    letters = _WIDE if rng.random() < 0.4 else _SAFE
    name = "".join(rng.choice(letters) for _ in range(rng.randint(1, longest)))
    if rng.random() < 0.03:
        name += "".join(rng.choice(_ACCENTS) for _ in range(rng.randint(1, 3)))
    return name


def segment(rng: random.Random, words: tuple[str, ...]) -> str:
    """One component of a path, without its extension: words, noise, or words and a number."""
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(words)
    if kind < 0.6:
        return random_name(rng)
    if kind < 0.8:
        return rng.choice(words) + rng.choice("-_.") + rng.choice(words)
    if kind < 0.9:
        return rng.choice(words) + rng.choice(("", "-", "_")) + str(rng.randint(0, 9999))
    return rng.choice((rng.choice(words).capitalize(), rng.choice(words).upper(), "." + rng.choice(words)))


def any_path(rng: random.Random, words: tuple[str, ...]) -> str:
    """A path in the style of Linux, absolute three times of four; may be one that the other side holds."""
    root = rng.choice(tables.ROOTS) if rng.random() < 0.75 else "/"
    parts = [segment(rng, words) for _ in range(rng.choice((1, 1, 2, 2, 2, 3, 3, 4, 5)))]
    if len(parts) > 1 and rng.random() < 0.15:
        # A piece that comes twice: what follows it is found only by looking further back.
        parts[-1] = parts[0][: rng.randint(1, 12)] + rng.choice(("", "", "-2", ".old", "x"))
    path = root + "/".join(parts) + rng.choice(tables.EXTENSIONS)
    return path.rstrip(".") or "/"


def training_path(rng: random.Random) -> str:
    """A path the model may be trained on."""
    while True:
        path = rng.choice(tables.KNOWN_PATHS) if rng.random() < 0.05 else any_path(rng, tables.WORDS)
        if not is_held_out(path):
            return path


def twice(rng: random.Random, path: str) -> str:
    """A training path in which a piece of ``path`` comes again, so that copying has to look further back."""
    while True:
        start = rng.randrange(len(path))
        piece = path[start : start + rng.randint(2, 12)]
        place = rng.randint(0, len(path))
        longer = path[:place] + piece + path[place:] if rng.random() < 0.5 else path + piece
        if not is_held_out(longer) and not longer.endswith("."):
            return longer


def again(rng: random.Random, path: str) -> str:
    """A training path whose last component begins as an earlier one does, which is where copying is most easily misled."""
    parts = [part for part in path.split("/") if part.strip(".~")] or [random_name(rng)]
    while True:
        base = rng.choice(parts)
        last = base[: rng.randint(1, len(base))] + rng.choice(("", "-2", "x", ".", "_", random_name(rng, 4))) + rng.choice(tables.EXTENSIONS)
        longer = f"{path.rstrip('/')}/{last}"
        if not is_held_out(longer) and not longer.endswith("."):
            return longer


def relative(rng: random.Random, path: str) -> str:
    """The last components of a training path, without a slash before them."""
    parts = [part for part in path.split("/") if part.strip(".~")]
    for count in rng.sample(range(1, len(parts) + 1), len(parts)):
        shorter = "/".join(parts[-count:])
        if not is_held_out(shorter):
            return shorter
    return path


def evaluation_paths(count: int, seed: int) -> list[str]:
    """``count`` distinct absolute paths that no training run has seen, made of words that training does not use."""
    rng = random.Random(f"evaluation {seed}")
    paths: dict[str, None] = {}
    while len(paths) < count:
        path = any_path(rng, tables.HELD_OUT_WORDS)
        if path.startswith("/") and is_held_out(path):
            paths[path] = None
    return list(paths)


def phrase(rng: random.Random, least: int = 1, most: int = 4) -> str:
    """A few words with spaces between them."""
    return " ".join(random_name(rng) if rng.random() < 0.3 else rng.choice(tables.WORDS) for _ in range(rng.randint(least, most)))


def _url(rng: random.Random) -> str:
    host = f"{random_name(rng)}.{rng.choice(('com', 'org', 'net', 'io', 'de'))}".lower()
    if rng.random() < 0.3:
        host = rng.choice(("example.com", "www." + host, "localhost:8000", "docs." + host))
    tail = "" if rng.random() < 0.3 else "/" + "/".join(segment(rng, tables.WORDS) for _ in range(rng.randint(1, 2)))
    return f"{rng.choice(('https', 'https', 'http'))}://{host}{tail}"


def _command(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(tables.COMMANDS)
    return f"{rng.choice(tables.COMMAND_HEADS)} {training_path(rng)}"


def _place(rng: random.Random) -> str:
    return rng.choice(tables.CITIES) if rng.random() < 0.6 else random_name(rng).capitalize()


def training_value(rng: random.Random, kind: str) -> str:
    """A value for a tool of this kind (a key of ``tables.TOOL_NAMES``) that evaluation does not hold."""
    while True:
        if kind in ("read", "list"):
            return training_path(rng)
        if kind == "weather":
            value = _place(rng)
        elif kind == "run":
            value = _command(rng)
        elif kind == "search":
            value = phrase(rng)
        elif kind == "fetch":
            value = _url(rng)
        else:
            value = rng.choice(tables.ZONES) if rng.random() < 0.6 else _place(rng)
        if not is_held_out(value):
            return value
