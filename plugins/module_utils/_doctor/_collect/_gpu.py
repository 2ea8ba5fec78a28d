# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPUs and their driver: everything that gpu_info collects. CUDA and nvidia-smi are asked only where a driver is loaded, for either could load one."""

from __future__ import annotations

import os
import shutil

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._collect import Wanted, collect
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._driver import MODULE_NAMES
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import SYSTEM_FOLDERS, Reader

# Initialising several large cards takes a while; a driver that hangs takes all of it, and is a finding.
_PROGRAM_S = 20.0


@collector("gpu_info", root="helps", cost="files; nvidia-smi and cuInit where a driver is loaded", timeout_s=90)
def gpu_info(context: Context, facts: Facts) -> Collected:
    reader = Reader(context.fs.rstrip("/") or "/", timeout=_PROGRAM_S)
    loaded = any(reader.is_folder("/sys/module/" + name) for name in MODULE_NAMES)
    program = shutil.which("nvidia-smi", path=os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS]))
    document = collect(reader, Wanted(_PROGRAM_S, program if loaded and reader.root == "/" else None, loaded))
    gaps = [f"{one['what']}: {one['why']}" for one in document["unread"]]
    # What a machine without a card does not tell about its driver, nobody misses.
    return Collected(document, gaps if document["gpus"] else [])
