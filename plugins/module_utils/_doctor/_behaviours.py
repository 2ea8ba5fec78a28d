# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of endpoints share: which were asked, which stand behind our proxy, and whose settings mend them."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._checks._tools import why_silent
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Unseen

SITE = "ansible-playbook inferhost.llm.site"
Answer = t.Mapping[str, t.Any]


class Endpoint(t.NamedTuple):
    """One that was asked. `guarded`: an engine that clients of this host reach through our proxy."""

    url: str
    kind: str
    ours: bool
    guarded: bool
    model: str
    version: str | None
    window: int | None
    answers: t.Mapping[str, Answer]

    def ok(self, name: str) -> Answer | None:
        """An answer with status 200."""
        answer = self.answers.get(name)
        return answer if answer and answer["status"] == 200 else None

    def refused(self, name: str) -> str | None:
        """The words of a refusal, where the server does not want what it was asked."""
        answer = self.answers.get(name)
        return f"HTTP {answer['status']}: {answer['error']}" if answer and answer["status"] in (400, 422) else None

    @property
    def title(self) -> str:
        return f"{self.url} ({'this installation' if self.ours else 'not of this collection'})"

    def severity(self, grave: str = "warning") -> str:
        """Behind our proxy no client meets it."""
        return "info" if self.guarded else grave

    def fix(self, ours: str, foreign: str) -> str:
        """The command for an endpoint of this collection, or the setting for one of another make."""
        return ours if self.ours else foreign

    def thinks(self) -> bool | None:
        """Whether the model reasons, as it is or when asked to; None where it could not be seen."""
        known = [self.ok(name) for name in ("plain", "streamed", "thinking_on")]
        if any(answer and (answer["reasoning"] or "<think>" in answer["content"]) for answer in known):
            return True
        return False if known[0] is not None else None


def asked(facts: Facts, *wanted: str) -> t.Iterator[Unseen | Endpoint]:
    """Endpoints with answers to the questions of these names, and why there are none of others. A surface that is not there is no gap."""
    if not facts["endpoints"] and not facts.gaps.get("endpoints"):
        yield Unseen("no model server was found on this host; name one with endpoint=http://127.0.0.1:8000")
    yield from map(Unseen, facts.gaps.get("endpoints", ()))
    rows = {one["url"]: one for one in facts["behaviour"]}
    guarded = any(one["kind"] == "proxy" for one in facts["endpoints"])
    for endpoint in facts["endpoints"]:
        one = rows.get(endpoint["url"])
        if one is None:
            yield Unseen(f"{endpoint['url']} was not asked: {why_silent(endpoint)}")
            continue
        for name in wanted:
            answer = one["answers"].get(name)
            if answer is None:
                yield Unseen(f"{one['url']}: the time for all questions was over before this one")
            elif answer["status"] is None or answer["status"] >= 500:
                yield Unseen(f"{one['url']}: {answer['error'] or 'HTTP ' + str(answer['status'])}")
        yield Endpoint(one["url"], one["kind"], one["ours"], guarded and one["kind"] == "vllm", one["model"], one["version"], one["window"], one["answers"])
