# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Docker's socket."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
import typing as t
from pathlib import Path


class DockerSocket:
    """A container engine's socket, spoken to by real HTTP."""

    def __init__(
        self,
        path: Path,
        containers: t.Mapping[str, t.Any],
        info: t.Optional[t.Mapping[str, t.Any]] = None,
        logs: t.Optional[t.Mapping[str, bytes]] = None,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                target = self.path.partition("?")[0]
                known = {"/info": info, **{f"/containers/{id}/json": inspected for id, inspected in containers.items()}}
                written = {f"/containers/{name}/logs": content for name, content in (logs or {}).items()}
                body = written.get(target) or json.dumps([{"Id": id} for id in containers] if target == "/containers/json" else known[target]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: t.Any) -> None:
                pass

            def address_string(self) -> str:
                return "unix"

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> DockerSocket:
        return self

    def __exit__(self, *unused: object) -> None:
        self._server.shutdown()
        self._server.server_close()
