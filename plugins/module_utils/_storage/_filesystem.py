# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large a filesystem thinks it is, and how it grows."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import MIB

_EXT4_COUNT = re.compile(r"^Block count:\s*(\d+)\s*$", re.MULTILINE)
_EXT4_BLOCK = re.compile(r"^Block size:\s*(\d+)\s*$", re.MULTILINE)
# Of the lines of xfs_info only the one of the data section has both.
_XFS_DATA = re.compile(r"^data\s*=\s*bsize=(\d+)\s+blocks=(\d+)", re.MULTILINE)


def parse_dumpe2fs(text: str) -> t.Optional[int]:
    """Size of an ext4 filesystem from `dumpe2fs -h`."""
    count, block = _EXT4_COUNT.search(text), _EXT4_BLOCK.search(text)
    return int(count.group(1)) * int(block.group(1)) if count and block else None


def parse_xfs_info(text: str) -> t.Optional[int]:
    """Size of the data section of an XFS filesystem from `xfs_info`; a log on the same device is inside it."""
    data = _XFS_DATA.search(text)
    return int(data.group(1)) * int(data.group(2)) if data else None


class Kind(t.NamedTuple):
    """What is known of one type of filesystem.

    `slack`: what may stay unused at the end of the device. A last group of ext4 that could hold little more than its own tables is left out by
    resize2fs, XFS leaves out a last allocation group of less than 64 blocks.
    """

    tool: str
    # The mount point, not the device, is what names the filesystem to it.
    by_mount: bool
    slack: int
    ask: t.Tuple[str, ...]
    parse: t.Callable[[str], t.Optional[int]]


KINDS = {
    "ext4": Kind("resize2fs", False, 16 * MIB, ("dumpe2fs", "-h"), parse_dumpe2fs),
    "xfs": Kind("xfs_growfs", True, MIB, ("xfs_info",), parse_xfs_info),
}
