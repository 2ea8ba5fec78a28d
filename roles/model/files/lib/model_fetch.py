# Copyright: (c) 2026, inferhost contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch files with huggingface_hub, each going on where it stopped. Started by the module model_download.

Standard input: one line of JSON, {headers, workers, files: [{name, url, size, partial}]}, and then nothing until its end, at which this program ends too.
Standard output: one line of JSON for each file, {fetched: name} or {failed: name, ...}, and {through: true} at the end. What arrived stays in `partial`.

huggingface_hub's own `hf_hub_download` begins a file anew after an interruption and leaves what it had where it was. Its transfer, with the Hub's redirects,
rate limits and reconnections, can go on; so this is that, with a file of ours.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

# Nothing that comes after can succeed either.
FATAL_ERRNO = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
FATAL_STATUS = (401, 403)
# What is in an incomplete block when a connection breaks is lost; huggingface_hub's own blocks are of 10 MiB.
BLOCK = 128 * 1024
TOLD_HEADERS = ("x-error-code", "x-error-message", "retry-after", "ratelimit")

_output = threading.Lock()


def say(event: dict[str, Any]) -> None:
    with _output:
        print(json.dumps(event), flush=True)


def end_with_parent() -> None:
    """The other end of the pipe is closed when the module ends, killed or not."""
    sys.stdin.buffer.read()
    os._exit(1)


def failure(name: str, error: Exception, with_token: bool) -> dict[str, Any]:
    """What is known of it; what it means is the module's to say."""
    event: dict[str, Any] = {"failed": name, "text": str(error), "kinds": [kind.__name__ for kind in type(error).__mro__], "with_token": with_token}
    if isinstance(error, HfHubHTTPError):
        headers = {key.lower(): value for key, value in error.response.headers.items()}
        event.update(status=error.response.status_code, headers={key: headers[key] for key in TOLD_HEADERS if key in headers})
    elif isinstance(error, OSError):
        event["errno"] = error.errno
    return event


def fetch(one: dict[str, Any], headers: dict[str, str], with_token: bool) -> None:
    try:
        with open(one["partial"], "r+b" if os.path.exists(one["partial"]) else "w+b", buffering=0) as stream:
            there = stream.seek(0, os.SEEK_END)
            http_get(one["url"], stream, resume_size=there, headers=headers, expected_size=one["size"], displayed_filename=one["name"])
            os.fsync(stream.fileno())
    except (httpx2.HTTPError, httpx2.InvalidURL, HfHubHTTPError, OSError, ValueError) as error:
        event = failure(one["name"], error, with_token)
        say(event)
        if event.get("errno") in FATAL_ERRNO or event.get("status") in FATAL_STATUS:
            say({"through": True})
            os._exit(1)
        return
    say({"fetched": one["name"]})


def main() -> int:
    job = json.loads(sys.stdin.buffer.readline())
    constants.DOWNLOAD_CHUNK_SIZE = BLOCK
    threading.Thread(target=end_with_parent, daemon=True).start()
    # Bytes as they are: a place in a compressed stream is none in the file.
    headers = {**build_hf_headers(token=False), "accept-encoding": "identity", **job["headers"]}
    with ThreadPoolExecutor(max_workers=job["workers"]) as pool:
        for done in [pool.submit(fetch, one, headers, bool(job["headers"])) for one in job["files"]]:
            done.result()
    say({"through": True})
    return 0


if __name__ == "__main__":
    sys.exit(main())
