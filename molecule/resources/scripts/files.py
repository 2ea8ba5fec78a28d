# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of the host with what a change would alter: {path: "type mode owner size time"}."""

from __future__ import annotations

import json
import os
import stat

# Other filesystems (mounts), what Ansible keeps for itself, and what runs all the time.
SKIPPED = ("/proc", "/sys", "/dev", "/run", "/tmp", "/root/.ansible", "/var/log/journal", "/var/lib/systemd/timers")


def describe(path: str) -> str:
    found = os.lstat(path)
    kind = stat.filemode(found.st_mode)
    # A folder's time changes with each temporary file in it; what stays in it is listed itself.
    detail = "" if stat.S_ISDIR(found.st_mode) else f" {found.st_size} {found.st_mtime_ns}"
    return f"{kind} {found.st_uid}:{found.st_gid}{detail}"


def ours(path: str) -> bool:
    return not path.startswith(SKIPPED) and not os.path.ismount(path)


files: dict[str, str] = {}
for folder, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if ours(os.path.join(folder, name))]
    for name in folders + names:
        path = os.path.join(folder, name)
        files[path] = describe(path)
print(json.dumps(files))
