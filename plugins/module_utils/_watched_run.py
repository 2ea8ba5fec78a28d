# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a long command while something looks on."""

from __future__ import annotations

import subprocess
import tempfile
import time
import typing as t


def run_watched(command: list[str], environment: dict[str, str], look: t.Callable[[], None], every: float = 0.5) -> tuple[int, str]:
    """Exit status and output (both streams) of a command; ``look`` is called every so many seconds while it runs.

    The output goes through a file, so a command that says a lot never waits for a reader.
    """
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment) as process:
            while process.poll() is None:
                look()
                time.sleep(every)
        output.seek(0)
        return process.returncode, output.read().decode("utf-8", "replace")
