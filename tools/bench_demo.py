# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long `make demo` takes, beside a bare pip installation of the same wheels.  Usage: bench_demo.py [--rounds N]

One round: pip installs the engine's lock file into a new environment; a fresh clone of the last commit runs `make demo`; the same clone runs it again. The
first round fills the caches of both and is not counted. Prints one JSON object with seconds and the two ratios; the machine's speed is in both, so
only the ratios say something elsewhere.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "roles/vllm/files/locks/cpu.lock"
SERVICES = ("proxy", "vllm", "prometheus", "node_exporter")


def seconds(command: list[str], folder: Path) -> float:
    """Wall time of a command that has to succeed; its output is shown when it does not."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return time.monotonic() - began


def ports() -> str:
    """Options that give each service a port that is free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in SERVICES]
    options = [f"-e inferhost_{name}_port={server.getsockname()[1]}" for name, server in zip(SERVICES, sockets, strict=True)]
    for server in sockets:
        server.close()
    return " ".join(options)


def one_round(folder: Path) -> dict[str, float]:
    """Seconds of pip, of the first `make demo` and of the second; ``folder`` is empty."""
    python = folder / "pip/bin/python"
    subprocess.run([sys.executable, "-m", "venv", str(folder / "pip")], check=True)
    pip = seconds([str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--requirement", str(LOCK)], folder)
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    demo = ["make", "demo", f"DEMO_ARGS={ports()}"]
    try:
        return {"pip": pip, "first": seconds(demo, clone), "second": seconds(demo, clone)}
    finally:
        subprocess.run(["make", "demo-clean"], cwd=clone, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="rounds that count, after the one that fills the caches")
    wanted = parser.parse_args().rounds
    rounds = []
    for number in range(wanted + 1):
        with tempfile.TemporaryDirectory(prefix="inferhost-bench-") as folder:
            rounds.append(one_round(Path(folder)))
        print(f"round {number}: {json.dumps({name: round(value, 1) for name, value in rounds[-1].items()})}", file=sys.stderr)
    medians = {name: statistics.median(one[name] for one in rounds[1:]) for name in rounds[0]}
    ratios = {"first_to_pip": medians["first"] / medians["pip"], "second_to_first": medians["second"] / medians["first"]}
    print(json.dumps({"rounds": wanted, "seconds": medians, "ratios": ratios}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
