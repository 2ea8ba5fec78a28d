# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a file, synced block by block, until it is asked to end; beside it a log of how large file and filesystem were, and at last the digest.

Argument: the file.  Runs on the test machine.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time

BLOCK = 128 * 1024
PAUSE = 0.5

asked: list[int] = []
signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
digest = hashlib.sha256()
began = time.monotonic()
number = 0
with open(sys.argv[1], "wb", buffering=0) as file, open(sys.argv[1] + ".log", "w", buffering=1, encoding="ascii") as log:
    while not asked:
        block = hashlib.sha256(b"%d" % number).digest() * (BLOCK // 32)
        file.write(block)
        os.fsync(file.fileno())
        digest.update(block)
        number += 1
        status = os.statvfs("/")
        log.write("%.1f %d %d\n" % (time.monotonic() - began, number * BLOCK, status.f_blocks * status.f_frsize))
        time.sleep(PAUSE)
with open(sys.argv[1] + ".sha256", "w", encoding="ascii") as result:
    result.write(digest.hexdigest())
