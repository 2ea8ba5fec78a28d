# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between a model hub and a folder: one error type, and for each kind what it means and what helps."""

from __future__ import annotations

import errno
import typing as t

# Worth another try after a pause.
PASSING = frozenset({"rate_limited", "server_error", "timeout", "cut", "refused", "dns"})

_DISK_KINDS = {errno.ENOSPC: "no_space", errno.EDQUOT: "quota", errno.EFBIG: "file_limit", errno.EROFS: "not_writable", errno.EACCES: "not_writable"}

_OTHER_WAYS = (
    "or set model_endpoint to a mirror or model_source to modelscope; or carry the model's folder to the host and set model_source=path and model_path"
)

# Kind: what it means and what helps. {model}, {revision}, {page}, {endpoint} and {token} (what is known of the token) are filled in.
_TEXTS: dict[str, tuple[str, str]] = {
    "gated": (
        "{model} is gated: its files are given only to accounts that accepted its terms ({token})",
        "accept the terms on {page} with the account that the token belongs to, and set model_token (from a vault) or model_token_file",
    ),
    "bad_token": (
        "{endpoint} does not take the token ({token})",
        "make a new token with read access, and set model_token (from a vault) or model_token_file",
    ),
    "forbidden": (
        "{endpoint} knows the token, but it may not read {model} ({token})",
        "give the token read access to {page} (a fine-grained token names each repository), or set another as model_token or model_token_file",
    ),
    "no_model": (
        "there is no model {model} on {endpoint}, or it is private ({token})",
        "correct model_id (organisation/name, as in the address of its page); for a private model set model_token or model_token_file",
    ),
    "no_revision": (
        "{model} has no revision {revision}",
        "set model_revision to a branch, tag or commit that {page} shows, or leave it empty for the newest",
    ),
    "no_file": (
        "a file of {model} that was listed is not there any more",
        "run again with model_refresh=true, which lists the files anew",
    ),
    "rate_limited": (
        "{endpoint} answers 429: too many requests from this address or account ({token})",
        "wait a few minutes and run again, nothing that arrived is fetched twice; with model_token or model_token_file the limits are higher",
    ),
    "server_error": ("{endpoint} fails", "run again later, nothing that arrived is fetched twice; or set model_endpoint to a mirror"),
    "timeout": ("{endpoint} does not answer in time", "check the connection of the host and run again; or set model_endpoint to a mirror"),
    "cut": ("{endpoint} closes the connection", "run again, nothing that arrived is fetched twice; or set model_endpoint to a mirror"),
    "refused": (
        "{endpoint} cannot be reached",
        "check the connection, the firewall and https_proxy of the host; " + _OTHER_WAYS,
    ),
    "dns": (
        "the name of {endpoint} cannot be resolved, so the host seems to be offline",
        "check /etc/resolv.conf and https_proxy of the host; " + _OTHER_WAYS,
    ),
    "tls": (
        "the certificate of {endpoint} is not trusted",
        "set the host's clock; where a proxy of your own ends TLS, install its authority's certificate on the host (update-ca-certificates)",
    ),
    "protocol": ("{endpoint} does not answer as a model hub does", "check model_endpoint and model_source"),
    "no_space": ("there is no room for {model}", "free space or grow the volume (role storage), then run again, nothing that arrived is fetched twice"),
    "quota": (
        "the quota of the volume has no room for {model}",
        "raise the quota of the volume or the account, or delete what is not needed there, then run again, nothing that arrived is fetched twice",
    ),
    "file_limit": (
        "files of this size cannot be written there",
        "raise the limit (ulimit -f unlimited, LimitFSIZE=infinity in a unit), or use a filesystem that holds large files",
    ),
    "not_writable": ("the folder cannot be written", "check its owner and whether the filesystem is mounted read-only (findmnt -T FOLDER)"),
    "mismatch": (
        "a file arrived with other content than {endpoint} lists, twice",
        "run again; if it stays, a proxy or mirror between changes files: set model_endpoint to another one",
    ),
    "busy": ("another download into this folder is running", "wait until it is through"),
    "runner": ("the program that fetches files ended without an answer", "run again; the message has what it said last"),
}


class HubError(Exception):
    """`kind` is a key of the table above, or `option` for a wish that cannot be met."""

    def __init__(self, kind: str, detail: str = "", retry_after: t.Optional[float] = None) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.retry_after = retry_after


def kind_of_status(status: int, headers: t.Mapping[str, str], with_token: bool) -> str:
    """What a hub's refusal means. Header names in lower case. The Hub says 401 for what is missing, too, as long as it does not know who asks."""
    named = {"GatedRepo": "gated", "RevisionNotFound": "no_revision", "EntryNotFound": "no_file", "RepoNotFound": "no_model"}.get(
        headers.get("x-error-code", "")
    )
    if named:
        return named
    if status == 401:
        return "bad_token" if with_token or "invalid" in headers.get("x-error-message", "").lower() else "no_model"
    if status in (403, 404):
        return {403: "forbidden", 404: "no_model"}[status]
    if status == 429:
        return "rate_limited"
    return "timeout" if status == 408 else "server_error" if status >= 500 else "protocol"


def kind_of_errno(number: t.Optional[int]) -> str:
    """What a failed write means."""
    return _DISK_KINDS.get(number or 0, "not_writable")


def explained(error: HubError, model: str, revision: str, endpoint: str, page: str, token: str) -> str:
    """One message: what, the detail, and what helps."""
    if error.kind == "option":
        return error.detail
    what, remedy = (text.format(model=model, revision=revision or "asked for", endpoint=endpoint, page=page, token=token) for text in _TEXTS[error.kind])
    detail = f" ({error.detail})" if error.detail else ""
    return f"{what}{detail}. To mend it: {remedy}."
