# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys: where their files are, what they hold, and the check of a request.

Of a client's key the gateway needs its SHA-256 alone. Keys are random and of 256 bits or more, so nobody finds one by
trying, and a slow or salted hash would only make each request cost more.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from . import expiry
from .asgi import Headers
from .config import ApiKey, Config

_DIGEST = re.compile(rb"sha256:(?P<hex>[0-9a-f]{64})(?:\s+(?P<expires>\S+))?")
NEVER = float("inf")


class KeyFileError(Exception):
    """A key file cannot be used; the message says which and why, never what is in it."""


class Known(NamedTuple):
    """A key of a client: its label, its SHA-256, and when it ends. Several may have one label while a key is rotated."""

    label: str
    digest: bytes
    expires_at: float = NEVER


class Found(NamedTuple):
    label: str
    expired: bool


def locate(name: str, secrets_dir: str, environ: Mapping[str, str]) -> Path:
    """A relative name is a credential of the service manager if there is one, else a file in `secrets_dir`."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / name).exists():
        return Path(credentials) / name
    return Path(secrets_dir) / name


def read(path: Path) -> bytes:
    """The key in a file: one word, surrounding white space ignored."""
    return _word(path, _content(path))


def read_known(label: str, path: Path, expires_at: float = NEVER) -> list[Known]:
    """The keys in a client's key file: lines of `sha256:HEX [EXPIRES]`, or one plain key."""
    content = _content(path)
    if not content.startswith(b"sha256:"):
        return [Known(label, hashlib.sha256(_word(path, content)).digest(), expires_at)]
    return [_line(label, path, line.strip(), expires_at) for line in content.splitlines() if line.strip()]


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes().strip()
    except OSError as exc:
        raise KeyFileError(f"key file {path}: {exc.strerror or exc}; create it, or correct the path") from exc
    except ValueError as exc:
        raise KeyFileError(f"key file {str(path)!r}: {exc}; correct the path") from exc
    if not content:
        raise KeyFileError(f"key file {path} is empty; put one key into it")
    return content


def _word(path: Path, content: bytes) -> bytes:
    if any(byte <= 32 or byte >= 127 for byte in content):
        raise KeyFileError(f"key file {path} does not hold one key of printable ASCII characters without spaces")
    return content


def _line(label: str, path: Path, line: bytes, expires_at: float) -> Known:
    match = _DIGEST.fullmatch(line)
    try:
        if match is None:
            raise ValueError
        own = expiry.parse(match["expires"].decode()) if match["expires"] else NEVER
    except ValueError as exc:
        raise KeyFileError(f"key file {path}: a line is not `sha256:HEX`, with an RFC 3339 date behind it if the key ends") from exc
    return Known(label, bytes.fromhex(match["hex"].decode()), min(own, expires_at))


def presented(headers: Headers) -> Iterator[bytes]:
    """The keys that a request shows, by either convention."""
    for name, value in headers:
        if name == b"x-api-key":
            yield value.strip()
        elif name == b"authorization":
            scheme, _blank, credential = value.partition(b" ")
            if scheme.lower() == b"bearer":
                yield credential.strip()


class KeyRing:
    """The clients' keys, as digests, and the keys towards the model servers by their names."""

    def __init__(self, known: Iterable[Known], upstreams: Mapping[str, bytes]) -> None:
        self._known = tuple(known)
        self.upstreams = upstreams

    @classmethod
    def load(cls, config: Config, environ: Mapping[str, str] | None = None) -> KeyRing:
        """Read every key file the configuration names."""
        surroundings = os.environ if environ is None else environ

        def place(name: str) -> Path:
            return locate(name, config.secrets_dir, surroundings)

        def clients(entry: ApiKey) -> list[Known]:
            ends = expiry.parse(entry.expires) if entry.expires else NEVER
            if entry.digest:
                return [Known(entry.label, bytes.fromhex(entry.digest.removeprefix("sha256:")), ends)]
            return read_known(entry.label, place(entry.file or ""), ends)

        upstreams = {entry.name: read(place(entry.key_file)) for entry in config.upstreams if entry.key_file}
        return cls((known for entry in config.api_keys for known in clients(entry)), upstreams)

    def find(self, headers: Headers) -> Found | None:
        """Whose key a request shows. Every key is compared, in constant time; one that is valid wins."""
        found = None
        now = time.time()
        for candidate in presented(headers):
            digest = hashlib.sha256(candidate).digest()
            for known in self._known:
                if hmac.compare_digest(digest, known.digest) and (found is None or found.expired):
                    found = Found(known.label, known.expires_at <= now)
        return found

    def label(self, headers: Headers) -> str | None:
        """The label of the valid key that a request shows."""
        found = self.find(headers)
        return None if found is None or found.expired else found.label


Load = Callable[[], tuple[Config, KeyRing]]
"""Reads a configuration and its keys."""
