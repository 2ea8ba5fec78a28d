# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the Hugging Face Hub and for ModelScope: one model, over real HTTP on loopback.

It answers as the Hub does to lists, to files (small ones by a redirect within the Hub, large ones by a signed address on another server), to ranges,
to tokens, and when something is missing, gated or asked for too often. What a test wants broken is said in `faults`.
"""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import time
import typing as t
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "acme/agent-7b"
TOKEN = "hf_" + "a" * 34
SIGNATURE = "X-Amz-Signature=5e1f"


def shard(seed: int, size: int) -> bytes:
    """A file of safetensors of exactly this size, other content for each seed."""
    room = size - 8 - 128
    header = json.dumps({"w%d" % seed: {"dtype": "U8", "shape": [room], "data_offsets": [0, room]}}).encode().ljust(128)
    return struct.pack("<Q", len(header)) + header + (hashlib.sha256(b"%d" % seed).digest() * (room // 32 + 1))[:room]


def a_model(shards: int, size: int, **more: bytes) -> dict[str, bytes]:
    """The files of a model as they are published, with what else lies beside the weights."""
    names = ["model-%05d-of-%05d.safetensors" % (number, shards) for number in range(1, shards + 1)]
    index = {"weight_map": {"w%d" % number: name for number, name in enumerate(names)}}
    return {
        "config.json": json.dumps({"model_type": "qwen2", "num_hidden_layers": 2}).encode(),
        "tokenizer_config.json": json.dumps({"model_max_length": 4096, "chat_template": "{{ messages }}", "added_tokens_decoder": {"0": {}}}).encode(),
        "README.md": b"# a model\n",
        "model.safetensors.index.json": json.dumps(index).encode(),
        **{name: shard(number, size) for number, name in enumerate(names)},
        **more,
    }


@dataclass
class Faults:
    """What goes wrong, by file where it is a file's; each count is used up."""

    cut: dict[str, list[int]] = field(default_factory=dict)
    """Bytes after which the connection is closed, one entry for each answer."""
    wrong: dict[str, int] = field(default_factory=dict)
    """Answers of the right length with other bytes."""
    status: dict[str, list[int]] = field(default_factory=dict)
    """Statuses instead of an answer: of a file by its name, of the list as `list`."""
    retry_after: str = "0"
    slow: dict[str, float] = field(default_factory=dict)
    """Seconds between two blocks of 16 KiB."""
    happens: dict[str, t.Callable[[], None]] = field(default_factory=dict)
    """Done once, before the bytes of a file leave."""
    sizes: bool = True
    """Whether the list says sizes."""


@dataclass
class Seen:
    """One request."""

    server: str
    method: str
    path: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0


class ModelHub:
    """The Hub at `url`, with its large files at another origin."""

    def __init__(self, files: dict[str, bytes], gated: bool = False, private: bool = False) -> None:
        self.files = files
        self.gated = gated
        self.private = private
        self.accepted = True
        """Whether the token's account accepted the terms."""
        self.faults = Faults()
        self.seen: list[Seen] = []
        self._servers = [self._start("hub"), self._start("cdn")]
        self.url, self.cdn = ("http://127.0.0.1:%d" % server.server_address[1] for server in self._servers)

    def __enter__(self) -> ModelHub:
        return self

    def __exit__(self, *_error: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def commit(self) -> str:
        return hashlib.sha1(repr(sorted((name, self.sha256(name)) for name in self.files)).encode()).hexdigest()

    def sha256(self, name: str) -> str:
        return hashlib.sha256(self.files[name]).hexdigest()

    def blob(self, name: str) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.files[name]) + self.files[name]).hexdigest()

    def is_large(self, name: str) -> bool:
        return name.endswith((".safetensors", ".bin", ".gguf"))

    def sent(self, name: str) -> int:
        """Bytes of a large file that left the server."""
        return sum(one.sent for one in self.seen if one.server == "cdn" and one.path.startswith("/" + self.sha256(name)))

    def requests(self, server: str = "") -> list[Seen]:
        return [one for one in self.seen if not server or one.server == server]

    def forget(self) -> None:
        self.seen.clear()

    def _start(self, name: str) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self, "name": name}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    hub: t.ClassVar[ModelHub]
    name: t.ClassVar[str]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Nothing: tests look at `seen`."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.one = Seen(self.name, self.command, self.path, {key.lower(): value for key, value in self.headers.items()})
        self.hub.seen.append(self.one)
        parts = urllib.parse.urlsplit(self.path)
        path, query = urllib.parse.unquote(parts.path), dict(urllib.parse.parse_qsl(parts.query))
        if self.name == "cdn":
            self._cdn(path, parts.query)
        elif path.startswith("/api/v1/models/"):
            self._modelscope(path, query)
        elif path.startswith("/api/models/"):
            self._list(path)
        elif path.startswith("/api/resolve-cache/models/%s/%s/" % (MODEL, self.hub.commit)):
            self._content(path.split(self.hub.commit + "/", 1)[1], {"X-Repo-Commit": self.hub.commit})
        else:
            self._resolve(path)

    # The Hub

    def _refusal(self) -> t.Optional[tuple[int, str, str]]:
        """Why the asker may not have files; the Hub says 401 for what it does not show to strangers, missing or not."""
        given = self.one.headers.get("authorization", "")
        if given and given != "Bearer " + TOKEN:
            return 401, "", "Invalid credentials in Authorization header"
        if self.hub.private and not given:
            return 401, "RepoNotFound", "Repository not found"
        return None

    def _gate(self) -> t.Optional[tuple[int, str, str]]:
        given = self.one.headers.get("authorization", "")
        if not self.hub.gated or (given and self.hub.accepted):
            return None
        told = "Access to model %s is restricted." % MODEL
        return (403 if given else 401), "GatedRepo", told

    def _list(self, path: str) -> None:
        found = path[len("/api/models/") :].split("/revision/")
        if self._fault("list"):
            return
        refusal = self._refusal()
        if found[0] != MODEL:
            refusal = refusal or ((404 if "authorization" in self.one.headers else 401), "RepoNotFound", "Repository not found")
        elif found[1] not in ("main", self.hub.commit):
            refusal = refusal or (404, "RevisionNotFound", "Invalid rev id: %s" % found[1])
        if refusal:
            self._refuse(*refusal)
            return
        siblings: list[dict[str, t.Any]] = []
        for name, content in self.hub.files.items():
            entry: dict[str, t.Any] = {"rfilename": name}
            if self.hub.faults.sizes:
                entry.update(size=len(content), blobId=self.hub.blob(name))
                if self.hub.is_large(name):
                    entry.update(blobId="f" * 40, lfs={"sha256": self.hub.sha256(name), "size": len(content), "pointerSize": 135})
            siblings.append(entry)
        self._json({"id": MODEL, "sha": self.hub.commit, "gated": "manual" if self.hub.gated else False, "siblings": siblings})

    def _resolve(self, path: str) -> None:
        model, _mark, rest = path[1:].partition("/resolve/")
        revision, _mark, name = rest.partition("/")
        refusal = self._refusal() or self._gate()
        if model != MODEL:
            refusal = (404, "RepoNotFound", "Repository not found")
        elif revision not in ("main", self.hub.commit):
            refusal = refusal or (404, "RevisionNotFound", "Invalid rev id: %s" % revision)
        elif name not in self.hub.files:
            refusal = refusal or (404, "EntryNotFound", "Entry not found")
        if refusal:
            self._refuse(*refusal)
        elif self._fault(name):
            return
        elif self.hub.is_large(name):
            sha256 = self.hub.sha256(name)
            where = "%s/%s?%s" % (self.hub.cdn, sha256, SIGNATURE)
            linked = {"X-Linked-Etag": '"%s"' % sha256, "X-Linked-Size": str(len(self.hub.files[name]))}
            self._answer(302, b"", {"Location": where, "X-Repo-Commit": self.hub.commit, **linked})
        else:
            where = "/api/resolve-cache/models/%s/%s/%s" % (MODEL, self.hub.commit, urllib.parse.quote(name))
            self._answer(307, b"", {"Location": where, "X-Repo-Commit": self.hub.commit, "X-Linked-Etag": '"%s"' % self.hub.blob(name)})

    def _cdn(self, path: str, query: str) -> None:
        name = next((name for name in self.hub.files if self.hub.sha256(name) == path[1:]), None)
        if name is None or query != SIGNATURE:
            self._answer(403, b"no signature", {})
        elif not self._fault("cdn:" + name):
            self._content(name, {})

    # ModelScope

    def _modelscope(self, path: str, query: dict[str, str]) -> None:
        model, _mark, what = path[len("/api/v1/models/") :].rpartition("/repo")
        if model != MODEL or (self.hub.private and "m_session_id=" + TOKEN not in self.one.headers.get("cookie", "")):
            self._json({"Code": 10010205001, "Message": "record not found", "Success": False}, 404)
        elif what == "/files":
            if not self._fault("list"):
                entries: list[dict[str, t.Any]] = [{"Path": "docs", "Name": "docs", "Type": "tree", "Size": 0}]
                for name, content in self.hub.files.items():
                    entries.append(
                        {"Path": name, "Name": name, "Type": "blob", "Size": len(content), "Sha256": self.hub.sha256(name), "IsLFS": self.hub.is_large(name)}
                    )
                self._json({"Code": 200, "Data": {"Files": entries}, "Success": True})
        elif query.get("FilePath") not in self.hub.files:
            self._json({"Code": 10010205002, "Message": "file not found", "Success": False}, 404)
        elif not self._fault(query["FilePath"]):
            self._content(query["FilePath"], {})

    # What all of them do

    def _fault(self, name: str) -> bool:
        statuses = self.hub.faults.status.get(name)
        if not statuses:
            return False
        self._answer(statuses.pop(0), b"{}", {"Retry-After": self.hub.faults.retry_after})
        return True

    def _content(self, name: str, headers: dict[str, str]) -> None:
        self.hub.faults.happens.pop(name, lambda: None)()
        content = self.hub.files[name]
        if self.hub.faults.wrong.get(name, 0) > 0:
            self.hub.faults.wrong[name] -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        etag = {"ETag": '"%s"' % (self.hub.sha256(name) if self.hub.is_large(name) else self.hub.blob(name)), "Accept-Ranges": "bytes", **headers}
        asked = self.one.headers.get("range", "")
        if not asked:
            self._answer(200, content, etag, name)
            return
        begin = int(asked[len("bytes=") :].partition("-")[0])
        if begin >= len(content):
            self._answer(416, b"", {"Content-Range": "bytes */%d" % len(content)})
        else:
            part = "bytes %d-%d/%d" % (begin, len(content) - 1, len(content))
            self._answer(206, content[begin:], {**etag, "Content-Range": part}, name)

    def _refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        self._answer(status, json.dumps({"error": message}).encode(), headers)

    def _json(self, document: object, status: int = 200) -> None:
        self._answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str], name: str = "") -> None:
        self.one.status = status
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        cuts = self.hub.faults.cut.get(name)
        end = cuts.pop(0) if cuts else len(body)
        pause = self.hub.faults.slow.get(name, 0.0)
        try:
            for begin in range(0, end, 1 << 14):
                block = body[begin : min(begin + (1 << 14), end)]
                self.wfile.write(block)
                self.one.sent += len(block)
                time.sleep(pause)
        except OSError:
            self.close_connection = True
        if end < len(body):
            self.close_connection = True
