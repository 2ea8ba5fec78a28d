# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the JSON reports of LVM (lvmreport(7)); numbers come as strings."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import LogicalVolume, Lvm, PhysicalVolume, StorageInputError, VolumeGroup

_FORMAT = ("--reportformat", "json", "--units", "b", "--nosuffix", "--options")
PVS = ("pvs", *_FORMAT, "pv_name,vg_name,pv_size,pv_free,pe_start,pv_attr")
VGS = ("vgs", *_FORMAT, "vg_name,vg_size,vg_free,vg_extent_size,vg_attr")
LVS = ("lvs", *_FORMAT, "lv_name,vg_name,lv_path,lv_dm_path,lv_size,lv_attr,segtype,stripes")

Row = t.Dict[str, str]


def parse_lvm(pvs: str, vgs: str, lvs: str) -> Lvm:
    """The three reports in one."""
    return Lvm(tuple(map(_physical, _rows(pvs, "pv"))), tuple(map(_group, _rows(vgs, "vg"))), tuple(_logical(_rows(lvs, "lv"))))


def _rows(text: str, kind: str) -> t.List[Row]:
    try:
        return [{name: str(value).strip() for name, value in row.items()} for part in json.loads(text)["report"] for row in part.get(kind, [])]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageInputError("%ss: no report in its answer (%s)" % (kind, error)) from error


def _number(row: Row, name: str) -> int:
    """A size; LVM leaves empty what does not apply."""
    return int(row.get(name) or 0)


def _physical(row: Row) -> PhysicalVolume:
    size, free, start = (_number(row, name) for name in ("pv_size", "pv_free", "pe_start"))
    return PhysicalVolume(row["pv_name"], row["vg_name"], size, free, start, row.get("pv_attr", "a").startswith("a"))


def _group(row: Row) -> VolumeGroup:
    return VolumeGroup(row["vg_name"], _number(row, "vg_size"), _number(row, "vg_free"), _number(row, "vg_extent_size"), row.get("vg_attr", ""))


def _logical(rows: t.Iterable[Row]) -> t.List[LogicalVolume]:
    """A volume of several segments has a row for each."""
    found: t.Dict[t.Tuple[str, str], LogicalVolume] = {}
    for row in rows:
        name, group, stripes = row["lv_name"].strip("[]"), row["vg_name"], max(1, _number(row, "stripes"))
        known = found.get((group, name))
        if known is None:
            size, attributes = _number(row, "lv_size"), row.get("lv_attr", "")
            path, mapper = row.get("lv_path") or "/dev/%s/%s" % (group, name), row.get("lv_dm_path") or mapper_path(group, name)
            found[group, name] = LogicalVolume(name, group, path, mapper, size, attributes, (row.get("segtype", ""),), stripes)
        else:
            segments = tuple(dict.fromkeys((*known.segments, row.get("segtype", ""))))
            found[group, name] = known._replace(segments=segments, stripes=max(known.stripes, stripes))
    return list(found.values())


def mapper_path(group: str, volume: str) -> str:
    """The name that device mapper gives a volume: dashes doubled, one between the two names."""
    return "/dev/mapper/%s-%s" % (group.replace("-", "--"), volume.replace("-", "--"))
