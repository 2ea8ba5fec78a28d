# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from . import __version__, config, handover, listener, logs, signals
from .first import SNAPSHOT, First
from .handover import Handover, Post
from .keys import KeyFileError, KeyRing, Load
from .share import ALONE, Share

USAGE_ERROR = 2
CANNOT_LISTEN = 3


def main(argv: Sequence[str]) -> int:
    """Run the gateway; the exit status is 0, 2 for a configuration that cannot be used, 3 for a taken address."""
    signals.hold_back()
    options = _parser().parse_args(argv)
    post, taken = handover.take_post(), handover.take_handover()
    try:
        if options.check_config:
            checked = config.load(options.check_config)
            if options.check_keys:
                KeyRing.load(checked)
            return 0
        path = options.config
        load = _loader(options, post or taken)
        # What is checked here is what the workers get, so the file is read once.
        raw = config.read(options.config) if options.config else None
        settings = _settings(options, raw)
        keys = KeyRing.load(settings)
        sock = _listener(settings, post or taken)
    except (config.ConfigError, KeyFileError) as exc:
        return _stop(exc, USAGE_ERROR)
    except listener.ListenError as exc:
        return _stop(exc, CANNOT_LISTEN)
    logs.setup(settings.log_level)
    if raw is not None and post is None:
        return First(path, argv, settings, raw, sock, taken).run()
    _serve(settings, keys, sock, load, post)
    return 0


def _loader(options: argparse.Namespace, inherited: Post | Handover | None) -> Load:
    """What reads configuration and keys, now and at each reload. Whoever is started by the first process reads what that found good."""
    if inherited is not None:
        options.config = Path(inherited.folder) / SNAPSHOT

    def load() -> tuple[config.Config, KeyRing]:
        settings = _settings(options, config.read(options.config) if options.config else None)
        return settings, KeyRing.load(settings)

    return load


def _listener(settings: config.Config, inherited: Post | Handover | None) -> socket.socket:
    if inherited is not None:
        return socket.socket(fileno=inherited.listener)
    return listener.listen(settings.host, settings.port, ceil(settings.timeouts.client_seconds))


def _serve(settings: config.Config, keys: KeyRing, sock: socket.socket, load: Load, post: Post | None) -> None:
    # Not at the top: the first process serves nothing, and needs none of the libraries that do.
    from . import server

    share = ALONE if post is None else Share(Path(post.folder), post.slot, post.generation)
    control = None if post is None else socket.socket(fileno=post.control)
    server.serve(settings, keys, sock, load, share, control)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inferhost_proxy",
        description="Gateway between coding agents and a vLLM server. Give a configuration file, or an upstream and a key file. Keys are read from files only.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="run with this configuration")
    parser.add_argument("--check-config", type=Path, metavar="FILE", help="check a configuration and exit")
    parser.add_argument("--check-keys", action="store_true", help="with --check-config: read its key files too")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4000)
    parser.add_argument("--upstream", action="append", metavar="URL", help="a model server, with or without /v1; repeatable")
    parser.add_argument("--key-file", action="append", metavar="FILE", help="holds a key of clients; repeatable")
    parser.add_argument("--upstream-key-file", metavar="FILE", help="holds the key towards the model servers")
    parser.add_argument("--log-level", default="info")
    return parser


def _settings(options: argparse.Namespace, raw: bytes | None = None) -> config.Config:
    if raw is not None:
        return config.decode(raw, options.config)
    if not options.upstream or not options.key_file:
        raise config.ConfigError("give --config FILE, or --upstream URL and --key-file FILE")
    files = [str(Path(name).resolve()) for name in options.key_file]
    upstream_key = str(Path(options.upstream_key_file).resolve()) if options.upstream_key_file else None
    return config.parse(
        {
            "host": options.host,
            "port": options.port,
            "api_keys": [{"label": f"key-{number}", "file": name} for number, name in enumerate(files, 1)],
            "upstreams": [{"name": f"engine-{number}", "url": url, "key_file": upstream_key} for number, url in enumerate(options.upstream, 1)],
            "log_level": options.log_level,
        }
    )


def _stop(exc: Exception, status: int) -> int:
    print(f"inferhost_proxy: {exc}", file=sys.stderr)
    return status
