# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until a service really answers, and say why when it does not.

    ready.py --deadline 900 --completion http://127.0.0.1:8000 --model NAME --key engine_key
    ready.py --deadline 30 --get http://127.0.0.1:9090/-/ready

Exit status 0: it answered. 1: it ended, or the deadline passed; the last line of standard error is the reason.
Standard library alone, since it runs in the sandbox of the unit it waits for, with that service's interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request

# What vLLM writes to its log when a phase of its start begins. First match counts; the order is the order of a start.
PHASES = (
    ("import", re.compile(r"vLLM API server version|non-default args")),
    ("engine", re.compile(r"Initializing a V1 LLM engine")),
    ("load", re.compile(r"Starting to load model")),
    ("kv_cache", re.compile(r"(GPU|CPU) KV cache size|# GPU blocks|Available KV cache memory")),
    ("compile", re.compile(r"torch\.compile takes|Compiling a graph|Warming up model")),
    ("graphs", re.compile(r"Capturing CUDA graphs")),
    ("server", re.compile(r"Application startup complete")),
)


class Ended(Exception):
    """The service is no longer running; waiting on is pointless."""


def phases_in(log: str, seen: dict[str, float], now: float) -> dict[str, float]:
    """Phases with the second at which each was first seen; those of ``seen`` keep their time."""
    return {**{name: now for name, pattern in PHASES if pattern.search(log) and name not in seen}, **seen}


def answers(url: str, body: dict[str, object] | None, key: str | None, timeout: float) -> str:
    """Empty when the service answered with success, otherwise what it said."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode(), headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as response:
            answer = json.loads(response.read()) if body is not None else None
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}: {error.read(300).decode('utf-8', 'replace')}"
    except (OSError, ValueError) as error:
        return str(error)
    if body is not None and not answer.get("choices"):
        return f"an answer without choices: {str(answer)[:200]}"
    return ""


def exists(pid: int) -> bool:
    """Whether there is such a process. Not by its folder in /proc: a sandbox with users and processes of its own hides that."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check_running(seen: set[str]) -> None:
    """Raise Ended when the manager says that the service is gone: systemd gives its process id, supervisord is asked.

    ``seen`` collects the process ids; a second one means that the first ended and was started again.
    """
    pid = os.environ.get("MAINPID", "")
    if pid and not exists(int(pid)):
        raise Ended("the process ended while starting")
    ask = os.environ.get("INFERHOST_SUPERVISOR", "")
    if ask:
        status = subprocess.run(shlex.split(ask), capture_output=True, text=True, check=False).stdout
        if re.search(r"\b(FATAL|EXITED|BACKOFF|STOPPED)\b", status):
            raise Ended("the process ended while starting: " + " ".join(status.split()))
        seen.update(re.findall(r"\bpid (\d+)", status))
        if len(seen) > 1:
            raise Ended("the process ended while starting and was started again")


def write_json(path: str | None, document: dict[str, object]) -> None:
    """Replace a small report. Reports are a courtesy: where they cannot be written, waiting goes on."""
    if not path:
        return
    partial = f"{path}.{os.getpid()}"
    try:
        with open(partial, "w", encoding="utf-8") as stream:
            json.dump(document, stream)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except OSError:
        return


def read_credential(name: str) -> str:
    """Content of a file in $CREDENTIALS_DIRECTORY.

    systemd 252 hides that folder from ExecStartPost of a sandboxed unit; the main process, of the same account, has it in view.
    """
    path = os.path.join(os.environ.get("CREDENTIALS_DIRECTORY", ""), name)
    seen_by_service = f"/proc/{os.environ.get('MAINPID', 'self')}/root{path}"
    with open(path if os.access(path, os.R_OK) else seen_by_service, encoding="utf-8") as stream:
        return stream.read().strip()


def wait(arguments: argparse.Namespace) -> str:
    """Empty once the service answered, otherwise the last reason it gave."""
    key = read_credential(arguments.key) if arguments.key else None
    url, body = arguments.get, None
    if arguments.completion:
        url = arguments.completion.rstrip("/") + "/v1/completions"
        body = {"model": arguments.model, "prompt": "hello", "max_tokens": 1, "temperature": 0}
    begin = time.monotonic()
    start_of_log = os.path.getsize(arguments.log) if arguments.log and os.path.exists(arguments.log) else 0
    phases: dict[str, float] = {}
    processes: set[str] = set()
    reason = "no answer yet"
    while time.monotonic() - begin < arguments.deadline:
        check_running(processes)
        elapsed = round(time.monotonic() - begin, 2)
        if arguments.log and os.path.exists(arguments.log):
            with open(arguments.log, encoding="utf-8", errors="replace") as stream:
                stream.seek(start_of_log if os.path.getsize(arguments.log) >= start_of_log else 0)
                phases = phases_in(stream.read(), phases, elapsed)
        latest = max(phases, key=lambda name: phases[name]) if phases else "start"
        write_json(
            os.environ.get("INFERHOST_PROGRESS_FILE"),
            {"what": f"{arguments.name}: {latest}", "done": elapsed, "total": None, "unit": "s", "since": time.time() - elapsed},
        )
        reason = answers(url, body, key, timeout=max(1.0, arguments.deadline - elapsed))
        if not reason:
            ready = round(time.monotonic() - begin, 2)
            if phases or not arguments.log:
                write_json(arguments.timeline, {"service": arguments.name, "phases": phases, "ready": ready, "unit": "s"})
            return ""
        time.sleep(0.5)
    return f"no answer within {arguments.deadline} s: {reason}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Wait until a service really answers.")
    parser.add_argument("--name", required=True)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--get", metavar="URL")
    what.add_argument("--completion", metavar="BASE_URL")
    parser.add_argument("--model", help="served model name, with --completion")
    parser.add_argument("--key", help="file in $CREDENTIALS_DIRECTORY")
    parser.add_argument("--deadline", type=float, default=60.0, help="seconds")
    parser.add_argument("--log", help="log file of the service, read for the phases of its start")
    parser.add_argument("--timeline", help="file to write the phases to")
    try:
        reason = wait(parser.parse_args())
    except Ended as error:
        reason = str(error)
    progress = os.environ.get("INFERHOST_PROGRESS_FILE", "")
    if progress and os.path.exists(progress):
        os.unlink(progress)
    if reason:
        print(f"not ready: {reason}", file=sys.stderr)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
