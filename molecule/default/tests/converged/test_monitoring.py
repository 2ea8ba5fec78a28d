# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus sees the services, and has measurements of them."""

from __future__ import annotations

import time
from typing import Any

import endpoint
from inside import Inside

DEADLINE_SECONDS = 120


def targets(inside: Inside) -> list[dict[str, Any]]:
    status, answer = endpoint.ask(inside, "/api/v1/targets", base=endpoint.PROMETHEUS, key="-")
    assert status == 200, answer
    return answer["data"]["activeTargets"]


def test_all_targets_are_up(inside: Inside) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    found = targets(inside)
    while any(target["health"] == "unknown" for target in found) and time.monotonic() < deadline:
        time.sleep(2)  # a target is unknown until it was scraped once
        found = targets(inside)
    assert len(found) >= 3, "vLLM, the proxy and the host at least"
    assert [(target["scrapeUrl"], target["lastError"]) for target in found if target["health"] != "up"] == []


def test_the_engine_s_measurements_are_stored(inside: Inside) -> None:
    status, answer = endpoint.ask(inside, "/api/v1/query?query=vllm:num_requests_running", base=endpoint.PROMETHEUS, key="-")
    assert status == 200
    assert answer["data"]["result"] != []
