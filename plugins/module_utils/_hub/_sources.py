# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hubs: how each lists a model's files and where it has them."""

from __future__ import annotations

import typing as t
import urllib.parse

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import HubError
from ansible_collections.inferhost.llm.plugins.module_utils._hub._files import RemoteFile, check_names
from ansible_collections.inferhost.llm.plugins.module_utils._hub._net import get_json

# ModelScope cuts a list here without saying so.
MODELSCOPE_LIST_LIMIT = 3000


class Listing(t.NamedTuple):
    """`commit` is what the files are fetched at: the commit that a branch pointed to, or the name asked for where a hub has no more."""

    commit: str
    files: list[RemoteFile]


class Source(t.NamedTuple):
    """A hub at an address. `token` may be empty."""

    kind: str
    endpoint: str
    model: str
    token: str

    @property
    def page(self) -> str:
        return f"{self.endpoint}/{self.model}" if self.kind == "huggingface" else f"{self.endpoint}/models/{self.model}"

    @property
    def headers(self) -> dict[str, str]:
        if not self.token:
            return {}
        bearer = {"Authorization": f"Bearer {self.token}"}
        # ModelScope's older paths, which downloads use, know a session only.
        return bearer if self.kind == "huggingface" else {**bearer, "Cookie": f"m_session_id={self.token}"}

    def listing(self, revision: str, tries: int) -> Listing:
        """The model's files at a revision; the newest where it is empty."""
        found = _huggingface(self, revision or "main", tries) if self.kind == "huggingface" else _modelscope(self, revision or "master", tries)
        check_names(found.files)
        return found

    def url(self, commit: str, name: str) -> str:
        if self.kind == "huggingface":
            return f"{self.endpoint}/{self.model}/resolve/{urllib.parse.quote(commit, safe='')}/{urllib.parse.quote(name)}"
        query = urllib.parse.urlencode({"Revision": commit, "FilePath": name})
        return f"{self.endpoint}/api/v1/models/{self.model}/repo?{query}"


ENDPOINTS = {"huggingface": "https://huggingface.co", "modelscope": "https://modelscope.cn"}


def make_source(kind: str, endpoint: str, model: str, token: str) -> Source:
    """Checks what can be checked without asking anybody; raises HubError."""
    parts = model.split("/")
    if not 1 <= len(parts) <= 2 or any(not part or part in (".", "..") or urllib.parse.quote(part) != part for part in parts):
        raise HubError("option", f"model_id: {model!r} is no model's id; write organisation/name, as in the address of its page")
    address = (endpoint or ENDPOINTS[kind]).rstrip("/")
    found = urllib.parse.urlsplit(address)
    if found.scheme not in ("http", "https") or not found.hostname or found.query or found.username:
        raise HubError("option", f"model_endpoint: {address!r} is no address; write https://HOST, as in {ENDPOINTS[kind]}")
    if token and found.scheme == "http" and found.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise HubError("option", f"model_endpoint: {address} would carry the token in the clear; write https://, or leave the token away")
    if any(ord(c) <= 32 or ord(c) > 126 for c in token):
        raise HubError("option", "the token has spaces or characters in it that no token has; it is one word, such as hf_...")
    return Source(kind, address, model, token)


def _huggingface(source: Source, revision: str, tries: int) -> Listing:
    url = f"{source.endpoint}/api/models/{source.model}/revision/{urllib.parse.quote(revision, safe='')}?blobs=true"
    document = get_json(url, source.headers, tries)
    commit, siblings = document.get("sha"), document.get("siblings")
    if not isinstance(commit, str) or not commit or not isinstance(siblings, list):
        raise HubError("protocol", f"{url} has no commit or no files in it")
    files = []
    for entry in siblings:
        large = entry.get("lfs") or {}
        size = large.get("size", entry.get("size"))
        if not isinstance(entry.get("rfilename"), str) or not isinstance(size, int):
            raise HubError("protocol", f"{url} lists a file without a name or without a size")
        files.append(RemoteFile(entry["rfilename"], size, large.get("sha256") or "", "" if large else entry.get("blobId") or ""))
    return Listing(commit, files)


def _modelscope(source: Source, revision: str, tries: int) -> Listing:
    query = urllib.parse.urlencode({"Revision": revision, "Recursive": "True"})
    url = f"{source.endpoint}/api/v1/models/{source.model}/repo/files?{query}"
    document = get_json(url, source.headers, tries)
    entries = (document.get("Data") or {}).get("Files")
    if not isinstance(entries, list):
        raise HubError("protocol", f"{url} has no files in it: {str(document.get('Message'))[:200]}")
    if len(entries) >= MODELSCOPE_LIST_LIMIT:
        raise HubError("protocol", f"it lists no more than {MODELSCOPE_LIST_LIMIT} files, and {source.model} has more")
    files = []
    for entry in entries:
        if entry.get("Type") == "tree":
            continue
        if not isinstance(entry.get("Path"), str) or not isinstance(entry.get("Size"), int):
            raise HubError("protocol", f"{url} lists a file without a path or without a size")
        files.append(RemoteFile(entry["Path"], entry["Size"], entry.get("Sha256") or ""))
    return Listing(revision, files)
