# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine as seen from inside, in bytes."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass

import vm

NAME = "inferhost-storage"
STATE = vm.folder(NAME)
MOUNTS = ("/", "/srv/xfs", "/srv/half", "/srv/raid", "/srv/luks")
# One call, because each costs a second or more under emulation.
LOOK = """
echo '{"devices":'; lsblk --bytes --json --list --output path,size,type
for report in pvs vgs lvs; do echo ",\\"$report\\":"; $report --reportformat json --units b --nosuffix; done
echo ',"packages":"'; dpkg-query --show cloud-guest-utils 2>/dev/null | tr '\\t' ' '; echo '","growpart":"'; command -v growpart; echo '"'
echo ',"filesystems":{"":0'
for mount in MOUNTS; do
  device=$(findmnt --noheadings --output SOURCE $mount)
  case $(findmnt --noheadings --output FSTYPE $mount) in
    xfs) size=$(xfs_info $mount | sed -n 's/^data *= *bsize=\\([0-9]*\\) *blocks=\\([0-9]*\\).*/\\1 \\2/p') ;;
    *) size=$(dumpe2fs -h $device 2>/dev/null | sed -n 's/^Block \\(count\\|size\\): *//p') ;;
  esac
  set -- $size; echo ",\\"$mount\\":$(($1 * $2))"
done
echo '},"free":{"":0'; df --block-size=1 --output=target,avail MOUNTS | tail -n +2 | sed 's/^\\(\\S*\\) *\\([0-9]*\\)$/,"\\1":\\2/'; echo '}}'
""".replace("MOUNTS", " ".join(MOUNTS))


@dataclass(frozen=True)
class Sizes:
    """Bytes of devices by path, of physical and logical volumes and of filesystems by mount point; `free` is what files can use."""

    devices: dict[str, int]
    physical: dict[str, int]
    logical: dict[str, int]
    filesystems: dict[str, int]
    free: dict[str, int]
    growpart: bool


class Machine:
    """Commands as root on the machine."""

    def run(self, command: str, timeout: float = 600) -> str:
        done = subprocess.run([*vm.ssh_command(NAME), command], capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{command[:200]}: {done.stderr[-2000:]}"
        return done.stdout

    def sizes(self) -> Sizes:
        text = re.sub(r"\n", "", self.run(LOOK))
        found = json.loads(text)
        rows = {report: found[report]["report"][0][report[:-1]] for report in ("pvs", "lvs")}
        return Sizes(
            {row["path"]: row["size"] for row in found["devices"]["blockdevices"]},
            {row["pv_name"]: int(row["pv_size"]) for row in rows["pvs"]},
            {f"{row['vg_name']}/{row['lv_name']}": int(row["lv_size"]) for row in rows["lvs"]},
            found["filesystems"],
            found["free"],
            bool(found["growpart"]),
        )
