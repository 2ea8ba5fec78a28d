# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists and small files, over real HTTP."""

from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import HubError
from ansible_collections.inferhost.llm.plugins.module_utils._hub._net import get, wait_of
from ansible_collections.inferhost.llm.plugins.module_utils._hub._sources import Source, make_source
from ansible_collections.inferhost.llm.tests.unit.plugins.model_hub import MODEL, TOKEN, ModelHub, a_model

FILES = a_model(2, 4096, **{"docs/über uns.md": b"umlaut"})


def source(hub: ModelHub, kind: str = "huggingface", token: str = TOKEN) -> Source:
    return make_source(kind, hub.url, MODEL, token)


def test_the_token_stays_with_the_hub() -> None:
    with ModelHub(FILES, gated=True) as hub:
        asked = source(hub)
        commit = asked.listing("", 1).commit
        assert get(asked.url(commit, "config.json"), asked.headers, 1) == FILES["config.json"]
        assert get(asked.url(commit, "model-00001-of-00002.safetensors"), asked.headers, 1) == FILES["model-00001-of-00002.safetensors"]
        assert {one.headers.get("authorization") for one in hub.requests("hub")} == {"Bearer " + TOKEN}
        assert [one.headers.get("authorization") for one in hub.requests("cdn")] == [None]


@pytest.mark.parametrize("kind", ["huggingface", "modelscope"])
def test_a_list_has_names_sizes_and_hashes(kind: str) -> None:
    with ModelHub(FILES) as hub:
        asked = source(hub, kind, "")
        found = asked.listing("", 1)
        assert {one.name: one.size for one in found.files} == {name: len(content) for name, content in FILES.items()}
        assert all(one.sha256 == hub.sha256(one.name) for one in found.files if hub.is_large(one.name) or kind == "modelscope")
        assert all(one.blob_id == hub.blob(one.name) for one in found.files if not hub.is_large(one.name) and kind == "huggingface")
        assert found.commit == (hub.commit if kind == "huggingface" else "master")
        assert get(asked.url(found.commit, "docs/über uns.md"), {}, 1) == b"umlaut"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again_after_what_the_server_asks_for(status: int) -> None:
    with ModelHub(FILES) as hub:
        hub.faults.status["config.json"] = [status, status]
        hub.faults.retry_after = "7"
        pauses: list[float] = []
        assert get(source(hub).url("main", "config.json"), {}, 3, pauses.append) == FILES["config.json"]
        assert pauses == [7.0, 7.0]


def test_a_cut_connection_is_tried_again_with_growing_pauses() -> None:
    with ModelHub(FILES) as hub:
        hub.faults.cut["config.json"] = [10, 20]
        pauses: list[float] = []
        assert get(source(hub).url("main", "config.json"), {}, 3, pauses.append) == FILES["config.json"]
        assert pauses == [1.0, 2.0]


def test_what_does_not_pass_is_said_at_the_last_try() -> None:
    with ModelHub(FILES) as hub:
        hub.faults.status["config.json"] = [503, 503]
        with pytest.raises(HubError) as caught:
            get(source(hub).url("main", "config.json"), {}, 2, lambda pause: None)
        assert (caught.value.kind, len(hub.seen)) == ("server_error", 2)


def test_nothing_listens() -> None:
    with ModelHub(FILES) as hub:
        gone = source(hub).url("main", "config.json")
    with pytest.raises(HubError) as caught:
        get(gone, {}, 1)
    assert caught.value.kind == "refused"


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(HubError) as caught:
        get("http://hub.invalid/api", {}, 1)
    assert caught.value.kind == "dns"


def test_how_long_to_wait() -> None:
    assert wait_of({"retry-after": "3"}) == 3.0
    assert wait_of({"ratelimit": '"api";r=0;t=55', "retry-after": "3"}) == 55.0
    assert wait_of({"ratelimit": '"api";r=12;t=55'}) is None
    assert wait_of({"retry-after": "999999"}) == 300.0
    assert wait_of({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}) is None


@pytest.mark.parametrize(
    ("endpoint", "model", "token", "said"),
    [
        ("", "Qwen/Qwen3/8B", "", "model_id"),
        ("", "", "", "model_id"),
        ("", "../etc", "", "model_id"),
        ("", "Qwen/Qwen3 8B", "", "model_id"),
        ("hf-mirror.com", MODEL, "", "model_endpoint"),
        ("ftp://mirror", MODEL, "", "model_endpoint"),
        ("http://mirror.lan", MODEL, TOKEN, "in the clear"),
        ("", MODEL, "hf_a b", "one word"),
    ],
)
def test_wishes_that_cannot_be_met(endpoint: str, model: str, token: str, said: str) -> None:
    with pytest.raises(HubError) as caught:
        make_source("huggingface", endpoint, model, token)
    assert caught.value.kind == "option" and said in caught.value.detail and (not token or token not in caught.value.detail)


def test_addresses() -> None:
    assert make_source("huggingface", "", MODEL, "").url("v1", "a b.json") == "https://huggingface.co/acme/agent-7b/resolve/v1/a%20b.json"
    assert (
        make_source("modelscope", "", MODEL, "").url("master", "a/b") == "https://modelscope.cn/api/v1/models/acme/agent-7b/repo?Revision=master&FilePath=a%2Fb"
    )
    assert make_source("huggingface", "https://hf-mirror.com/", MODEL, "").page == "https://hf-mirror.com/acme/agent-7b"
