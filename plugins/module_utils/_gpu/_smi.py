# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks nvidia-smi three things: fields of each card, the whole state as XML, its versions. Each may fail on its own."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _nvidia_smi as gpu_nvidia_smi
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _smi_banner as gpu_smi_banner
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _smi_xml as gpu_smi_xml
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import Ended, run_bounded
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader


class Answers(t.NamedTuple):
    """What became of the program, and what it said of each card by PCI address."""

    result: t.Dict[str, t.Any]
    fields: t.Dict[str, t.Dict[str, t.Any]]
    states: t.Dict[str, t.Dict[str, t.Any]]


def ask(reader: Reader, path: t.Optional[str], timeout: float) -> Answers:
    """The versions are asked for even when the driver does not work: they tell of a mismatch. A program that hung is not asked again."""
    if path is None:
        return Answers(_result("absent", "", None, gpu_smi_banner.parse("")), {}, {})
    ended = run_bounded([path, *gpu_nvidia_smi.ARGUMENTS], timeout)
    if ended.how == "hang":
        return Answers(_result("hang", ended.detail, path, gpu_smi_banner.parse("")), {}, {})
    about = run_bounded([path, *gpu_smi_banner.ARGUMENTS], timeout)
    versions = gpu_smi_banner.parse("\n".join((about.output, ended.output, ended.errors)))
    if not _well(ended):
        return Answers(_result("failed", words(ended), path, versions), {}, {})
    log = _state(reader, path, timeout)
    if log is not None:
        versions.update(driver=versions["driver"] or log.driver_version, cuda=versions["cuda"] or log.cuda_version)
    return Answers(_result("ok", "", path, versions), gpu_nvidia_smi.parse(ended.output), log.cards if log else {})


def words(ended: Ended) -> str:
    """Why the program failed; nvidia-smi writes its error messages to standard output."""
    said = (ended.output.strip() or ended.errors.strip()).splitlines()
    return ended.detail or (said[0] if said else "exit status %d" % ended.status)


def _state(reader: Reader, path: str, timeout: float) -> t.Optional[gpu_smi_xml.SmiLog]:
    ended = run_bounded([path, *gpu_smi_xml.ARGUMENTS], timeout)
    what = "nvidia-smi " + " ".join(gpu_smi_xml.ARGUMENTS)
    if not _well(ended):
        reader.note(what, words(ended))
        return None
    try:
        return gpu_smi_xml.parse(ended.output)
    except ValueError as error:
        reader.note(what, str(error))
        return None


def _well(ended: Ended) -> bool:
    return ended.how == "exit" and ended.status == 0


def _result(outcome: str, detail: str, path: t.Optional[str], versions: t.Dict[str, t.Optional[str]]) -> t.Dict[str, t.Any]:
    return {"outcome": outcome, "detail": detail, "path": path, "versions": versions}
