# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that get nothing from the Hub."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

_SITE = "ansible-playbook inferhost.llm.site -e model_source=huggingface -e model_id={model}"


@check("L24", "The Hub does not give the model", ("error",), ["hub_services", "processes"])
def refused(facts: Facts) -> t.Iterator[Outcome]:
    for one in _idle(facts):
        page = f"https://huggingface.co/{one['model']}"
        site = _SITE.format(model=one["model"]) + " -e model_token_file=/root/hf_token"
        if one["refusal"] == "gated":
            yield Seen(
                "error",
                f"{one['name']} does not run; its log says that {one['model']} is gated",
                f"the Hub gives it only to accounts that accepted the terms on {page}, and asks for their token",
                f"{site}   # accept the terms on {page}, put the token into that file, mode 600",
            )
        elif one["refusal"] == "missing":
            yield Seen(
                "error",
                f"{one['name']} does not run; its log says that there is no model {one['model']}",
                f"the id is not one of the Hub's, or the model is private and the service has no token for {page}",
                f"{site}   # with the id as in the address of the model's page",
            )
    yield from _gaps(facts)


@check("L25", "A token that the service does not have", ("warning",), ["hub_services", "processes"])
def token_elsewhere(facts: Facts) -> t.Iterator[Outcome]:
    shells = facts["hub_services"]["shells"]
    for one in _idle(facts):
        if shells and not one["token"] and not one["cached"]:
            yield Seen(
                "warning",
                f"{one['name']} is to fetch {one['model']} and has no token of the Hub; there is one in {', '.join(shells[:3])}",
                "what a shell exports, or an account logged in with, is not there in a service",
                f"{_SITE.format(model=one['model'])} -e model_token_file=/root/hf_token   # the token in a file that only root can read",
            )
    yield from _gaps(facts)


def _idle(facts: Facts) -> list[t.Mapping[str, t.Any]]:
    """Services that do not run: one that runs has its model."""
    running = [process["argv"] for process in facts["processes"]]
    return [one for one in facts["hub_services"]["services"] if one["argv"] not in running]


def _gaps(facts: Facts) -> t.Iterator[Outcome]:
    for gap in facts.gaps.get("hub_services", ()):
        yield Unseen(gap)
