# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils import _secret


def test_secrets_are_long_and_never_the_same() -> None:
    made = {_secret.new_secret("sk-") for each in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {51}


WRITTEN: list[tuple[t.Any, list[str]]] = [
    ({"api_key": "sk-1"}, ["api_key"]),
    ([{"litellm_params": {"model": "m", "aws_secret_access_key": "x"}}], ["[0].litellm_params.aws_secret_access_key"]),
    ({"cache_params": {"password": "x", "host": "h"}}, ["cache_params.password"]),
    ({"client_secret": "x", "azure_ad_token": "y", "vertex_credentials": "{}", "Key": "z"}, ["client_secret", "azure_ad_token", "vertex_credentials", "Key"]),
    ({"api_key": "os.environ/MY_KEY", "vertex_credentials": "/etc/gcp.json"}, []),
    ({"max_tokens": 5, "monkey": "x", "turnkey_mode": "y", "api_key": "", "token": None, "password": 5}, []),
    ("sk-1", []),
]


@pytest.mark.parametrize("document, paths", WRITTEN)
def test_what_is_written_out_is_found_and_what_is_named_is_not(document: t.Any, paths: list[str]) -> None:
    assert _secret.written_secrets(document) == paths
