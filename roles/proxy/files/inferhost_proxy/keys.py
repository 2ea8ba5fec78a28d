# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys: where their files are, what a valid one is, and the check of a request."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from .asgi import Headers
from .config import Config


class KeyFileError(Exception):
    """A key file cannot be used; the message says which and why, never what is in it."""


def locate(name: str, secrets_dir: str, environ: Mapping[str, str]) -> Path:
    """A relative name is a credential of the service manager if there is one, else a file in `secrets_dir`."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / name).exists():
        return Path(credentials) / name
    return Path(secrets_dir) / name


def read(path: Path) -> bytes:
    """The key in a file: one word, surrounding white space ignored."""
    try:
        key = path.read_bytes().strip()
    except OSError as exc:
        raise KeyFileError(f"key file {path}: {exc.strerror or exc}; create it, or correct the path") from exc
    if not key:
        raise KeyFileError(f"key file {path} is empty; put one key into it")
    if any(byte <= 32 or byte >= 127 for byte in key):
        raise KeyFileError(f"key file {path} does not hold one key of printable ASCII characters without spaces")
    return key


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
    """The clients' keys, kept as digests, and the keys towards the model servers by their names."""

    def __init__(self, clients: Mapping[str, bytes], upstreams: Mapping[str, bytes]) -> None:
        self._digests = {label: hashlib.sha256(key).digest() for label, key in clients.items()}
        self.upstreams = upstreams

    @classmethod
    def load(cls, config: Config, environ: Mapping[str, str] | None = None) -> KeyRing:
        """Read every key file the configuration names."""

        def key(name: str) -> bytes:
            return read(locate(name, config.secrets_dir, os.environ if environ is None else environ))

        upstreams = {entry.name: key(entry.key_file) for entry in config.upstreams if entry.key_file}
        return cls({entry.label: key(entry.file) for entry in config.api_keys}, upstreams)

    def label(self, headers: Headers) -> str | None:
        """The label of the key that a request shows. Every key is compared, in constant time."""
        found = None
        for candidate in presented(headers):
            digest = hashlib.sha256(candidate).digest()
            for label, known in self._digests.items():
                if hmac.compare_digest(digest, known):
                    found = label
        return found
