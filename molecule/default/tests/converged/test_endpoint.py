# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client sees of a converged host."""

from __future__ import annotations

import endpoint
import pytest
from inside import Inside


def test_a_tool_call_through_the_proxy_is_structured_and_right(inside: Inside) -> None:
    endpoint.works(inside)


@pytest.mark.parametrize(
    "path",
    [pytest.param("/v1/models", id="models"), pytest.param("/v1/chat/completions", id="chat")],
)
def test_without_a_key_the_answer_is_401_in_openai_s_form(inside: Inside, path: str) -> None:
    body = None if path == "/v1/models" else {"model": "x", "messages": []}
    status, answer = endpoint.ask(inside, path, body, key="-")
    assert status == 401
    assert set(answer["error"]) >= {"message", "type", "code"}
    assert answer["error"]["message"]


def test_a_wrong_key_is_refused(inside: Inside) -> None:
    status, answer = endpoint.ask(inside, "/v1/models", key="/etc/hostname")
    assert status == 401
    assert "error" in answer


def test_the_engine_itself_wants_its_key(inside: Inside) -> None:
    status, _ = endpoint.ask(inside, "/v1/models", base="http://127.0.0.1:8000", key="-")
    assert status == 401
    status, _ = endpoint.ask(inside, "/v1/models", base="http://127.0.0.1:8000", key=f"{endpoint.ROOT}/etc/secrets/engine_key")
    assert status == 200
