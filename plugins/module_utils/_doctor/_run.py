# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One diagnosis, from options to a report without secrets."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._catalogue import CHECKS, COLLECTORS
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Context, collect
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Finding, NotChecked, Report
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import examine


def diagnose(context: Context, host: str, only: t.Sequence[str] = (), skip: t.Sequence[str] = ()) -> Report:
    checks = CHECKS.select(only, skip)
    facts = collect(context, COLLECTORS, [name for one in checks for name in (*one.needs, *one.uses)])
    examined = examine(checks, facts)
    gaps = list(dict.fromkeys([*facts.missing.values(), *(gap for several in facts.gaps.values() for gap in several)]))
    clean = context.redactor.tree
    return Report(
        host=clean(host),
        checked=examined.checked,
        not_checked=tuple(NotChecked(**clean(dataclasses.asdict(one))) for one in examined.not_checked),
        findings=tuple(Finding(**clean(one.as_dict())) for one in examined.findings),
        gaps=tuple(clean(gaps)),
    )
