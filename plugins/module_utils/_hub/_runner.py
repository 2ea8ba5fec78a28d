# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that fetches files, run in huggingface_hub's environment: it is told what to fetch on its standard input, and says what came of it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import HubError, kind_of_errno, kind_of_status
from ansible_collections.inferhost.llm.plugins.module_utils._hub._net import wait_of

LOOK_S = 0.5
# Proxies and certificates are the host's business; everything else that huggingface_hub reads would make two hosts behave differently.
_HANDED_ON = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

Event = dict[str, t.Any]


def environment(endpoint: str, home: str, of: t.Mapping[str, str]) -> dict[str, str]:
    """What the program is started with. Without Xet, whose transfers cannot be gone on with and which keeps a second copy in a cache."""
    handed = {name: value for name, value in of.items() if name.upper() in _HANDED_ON}
    return {
        **handed,
        "HOME": home,
        "HF_HOME": home,
        "HF_ENDPOINT": endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def failure(event: Event) -> HubError:
    """What a failed file means, from what the program saw: an answer, an error of the system, or the kinds of an exception."""
    said, kinds = str(event.get("text", ""))[:300], set(event.get("kinds", ()))
    headers = event.get("headers") or {}
    if event.get("status"):
        return HubError(kind_of_status(event["status"], headers, bool(event.get("with_token"))), f"HTTP {event['status']}, {event['failed']}", wait_of(headers))
    if "ConnectError" in kinds:
        name = "name" in said.lower() and ("resol" in said.lower() or "known" in said.lower())
        return HubError("dns" if name else "tls" if "CERTIFICATE" in said.upper() else "refused", said)
    for kind, names in (("timeout", {"TimeoutException"}), ("cut", {"TransportError", "DecodingError"}), ("protocol", {"HTTPError", "InvalidURL"})):
        if names & kinds:
            return HubError(kind, said)
    if event.get("errno"):
        return HubError(kind_of_errno(event["errno"]), said)
    # The program compares the length of what arrived with what was promised.
    return HubError("cut" if "OSError" in kinds else "runner", said)


def run(command: list[str], told: t.Mapping[str, str], job: t.Mapping[str, t.Any], look: t.Callable[[], None]) -> t.Generator[Event, None, None]:
    """What the program reports, as it comes. Its input stays open: when we end, however that happens, it reads the end and ends too."""
    with tempfile.TemporaryFile() as complaints, contextlib.ExitStack() as stack:
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=dict(told))
        except OSError as error:
            raise HubError("runner", f"{command[0]} cannot be started: {error.strerror}") from None
        stdin, stdout = t.cast("t.IO[bytes]", process.stdin), t.cast("t.IO[bytes]", process.stdout)
        stack.callback(process.wait)
        stack.callback(process.kill)
        stack.callback(stdout.close)
        stack.callback(stdin.close)
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(job).encode() + b"\n")
            stdin.flush()
        ended = False
        for line in _lines(stdout.fileno(), look):
            event = json.loads(line)
            ended = ended or "through" in event
            yield event
        if not ended:
            complaints.seek(0)
            last = complaints.read().decode("utf-8", "replace").strip()[-600:]
            raise HubError("runner", f"exit status {process.wait()}: {last}")


def _lines(descriptor: int, look: t.Callable[[], None]) -> t.Iterator[bytes]:
    """Whole lines until the end; `look` is called in between."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if selector.select(LOOK_S):
                block = os.read(descriptor, 1 << 16)
                if not block:
                    return
                *lines, rest = (rest + block).split(b"\n")
                yield from lines
            look()
