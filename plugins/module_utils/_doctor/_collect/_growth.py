# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the storage below models could gain: the plan of storage_plan for each file system that holds them, or will."""

from __future__ import annotations

import os
import shutil
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._storage import model_folders
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, Unavailable, collector
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import SYSTEM_FOLDERS, Reader
from ansible_collections.inferhost.llm.plugins.module_utils._storage._host import read_facts
from ansible_collections.inferhost.llm.plugins.module_utils._storage._plan import decide
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import Wish

_PROGRAM_S = 8.0
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])


@collector("growth", root="helps", cost="files, lsblk, LVM's reports", timeout_s=45, after=["processes"])
def growth(context: Context, facts: Facts) -> Collected:
    if context.fs != "/":
        raise Unavailable("storage is planned only on the system that runs")
    plans: dict[str, dict[str, t.Any]] = {}
    for folder in [*model_folders(context, facts["processes"]), context.root]:
        reader = Reader(timeout=_PROGRAM_S)
        found = read_facts(reader, folder)
        if found.mount.point not in plans:
            plan = decide(found, Wish())
            lacking = {step["command"][0] for step in plan["steps"] if shutil.which(step["command"][0], path=_PATH) is None}
            plans[found.mount.point] = {**plan, "missing": sorted(lacking), "unread": [f"{one['what']}: {one['why']}" for one in reader.unread]}
    return Collected(list(plans.values()))
