# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Show that a long task is alive, and how far it is
version_added: 0.1.0
description:
  - Prints a line every few seconds while a task runs, with its name and its age.
  - When the environment variable C(INFERHOST_PROGRESS_FILE) names a file on the controller, what the task reports there is shown too.
author: inferhost contributors (@inferhost)
options:
  interval:
    description: Seconds between lines.
    type: float
    default: 5.0
    env:
      - name: INFERHOST_PROGRESS_INTERVAL
    ini:
      - section: inferhost_progress
        key: interval
"""

import json
import os
import threading
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

from ansible_collections.inferhost.llm.plugins.module_utils._progress_line import progress_line


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "inferhost.llm.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._task = ""
        self._since = 0.0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def _report(self) -> dict[str, Any] | None:
        path = os.environ.get("INFERHOST_PROGRESS_FILE", "")
        if not path:
            return None
        try:
            with open(path, encoding="utf-8") as stream:
                return dict(json.load(stream))
        except (OSError, ValueError):
            return None

    def _tick(self) -> None:
        interval = float(self.get_option("interval"))
        while not self._over.wait(interval):
            with self._lock:
                task, since = self._task, self._since
            if task and time.time() - since >= interval:
                self._display.display(progress_line(task, time.time() - since, self._report(), since), color="dark gray")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        with self._lock:
            self._task, self._since = task.get_name().strip(), time.time()
        if self._thread is None:
            self._thread = threading.Thread(target=self._tick, daemon=True)
            self._thread.start()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._over.set()
