# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a refusal means, and that each says what helps."""

from __future__ import annotations

import errno
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import _TEXTS, HubError, explained, kind_of_errno, kind_of_status
from ansible_collections.inferhost.llm.plugins.module_utils._hub._runner import environment, failure

STATUSES: list[tuple[int, dict[str, str], bool, str]] = [
    (401, {"x-error-code": "GatedRepo"}, False, "gated"),
    (403, {"x-error-code": "GatedRepo"}, True, "gated"),
    (401, {"x-error-code": "RepoNotFound"}, False, "no_model"),
    (404, {"x-error-code": "RepoNotFound"}, True, "no_model"),
    (404, {"x-error-code": "RevisionNotFound"}, False, "no_revision"),
    (404, {"x-error-code": "EntryNotFound"}, False, "no_file"),
    (401, {"x-error-message": "Invalid credentials in Authorization header"}, True, "bad_token"),
    (401, {}, False, "no_model"),
    (403, {}, True, "forbidden"),
    (404, {}, False, "no_model"),
    (429, {}, False, "rate_limited"),
    (408, {}, False, "timeout"),
    (503, {}, False, "server_error"),
    (418, {}, False, "protocol"),
]


@pytest.mark.parametrize(("status", "headers", "with_token", "kind"), STATUSES)
def test_statuses(status: int, headers: dict[str, str], with_token: bool, kind: str) -> None:
    assert kind_of_status(status, headers, with_token) == kind


@pytest.mark.parametrize("kind", sorted(_TEXTS))
def test_every_error_says_what_and_what_helps(kind: str) -> None:
    text = explained(HubError(kind, "the detail"), "acme/m", "v2", "https://hub", "https://hub/acme/m", "no token is set")
    assert "the detail" in text and "To mend it: " in text and "{" not in text and text.endswith(".")


def test_gated_names_the_page_and_the_variables() -> None:
    text = explained(HubError("gated"), "acme/m", "", "https://huggingface.co", "https://huggingface.co/acme/m", "no token is set")
    assert all(word in text for word in ("https://huggingface.co/acme/m", "model_token", "model_token_file", "no token is set"))


@pytest.mark.parametrize("kind", ["dns", "refused"])
def test_an_offline_host_is_told_of_every_other_way(kind: str) -> None:
    text = explained(HubError(kind), "acme/m", "", "https://huggingface.co", "", "")
    assert all(word in text for word in ("model_endpoint", "modelscope", "model_source=path"))


EVENTS: list[tuple[dict[str, t.Any], str]] = [
    ({"status": 403, "headers": {"x-error-code": "GatedRepo"}, "kinds": ["GatedRepoError", "HTTPError", "OSError"]}, "gated"),
    ({"status": 429, "headers": {"retry-after": "7"}, "kinds": ["HfHubHTTPError"]}, "rate_limited"),
    ({"kinds": ["ConnectError", "TransportError"], "text": "[Errno -3] Temporary failure in name resolution"}, "dns"),
    ({"kinds": ["ConnectError", "TransportError"], "text": "[Errno 111] Connection refused"}, "refused"),
    ({"kinds": ["ConnectError", "TransportError"], "text": "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"}, "tls"),
    ({"kinds": ["ReadTimeout", "TimeoutException", "TransportError"], "text": ""}, "timeout"),
    ({"kinds": ["RemoteProtocolError", "TransportError"], "text": "peer closed"}, "cut"),
    ({"kinds": ["OSError"], "errno": errno.EDQUOT, "text": "[Errno 122] Disk quota exceeded"}, "quota"),
    ({"kinds": ["OSError"], "errno": errno.ENOSPC, "text": ""}, "no_space"),
    ({"kinds": ["OSError"], "errno": None, "text": "Consistency check failed"}, "cut"),
    ({"kinds": ["ValueError"], "text": "The file is too large to be downloaded"}, "runner"),
]


@pytest.mark.parametrize(("event", "kind"), EVENTS)
def test_what_the_program_saw(event: dict[str, t.Any], kind: str) -> None:
    found = failure({"failed": "a", **event})
    assert (found.kind, found.retry_after) == (kind, 7.0 if kind == "rate_limited" else None)


def test_errors_of_the_disk() -> None:
    assert [kind_of_errno(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, None)] == [
        "no_space",
        "quota",
        "file_limit",
        "not_writable",
        "not_writable",
    ]


def test_the_program_gets_the_hosts_proxies_and_nothing_that_would_change_huggingface_hub() -> None:
    given = environment(
        "https://mirror", "/m/home", {"https_proxy": "http://p:3128", "HF_TOKEN": "hf_x", "HF_HUB_OFFLINE": "1", "HF_XET_CACHE": "/x", "PATH": "/bin"}
    )
    assert (given["https_proxy"], given["HF_ENDPOINT"], given["HF_HUB_DISABLE_XET"]) == ("http://p:3128", "https://mirror", "1")
    assert not {"HF_TOKEN", "HF_HUB_OFFLINE", "HF_XET_CACHE"} & set(given)
