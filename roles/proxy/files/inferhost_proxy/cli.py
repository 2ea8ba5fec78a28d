# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from . import __version__, config, listener, logs, server
from .keys import KeyFileError, KeyRing

USAGE_ERROR = 2
CANNOT_LISTEN = 3


def main(argv: Sequence[str]) -> int:
    """Run the gateway; the exit status is 0, 2 for a configuration that cannot be used, 3 for a taken address."""
    options = _parser().parse_args(argv)
    try:
        if options.check_config:
            config.load(options.check_config)
            return 0
        settings = _settings(options)
        keys = KeyRing.load(settings)
        sock = listener.listen(settings.host, settings.port, ceil(settings.timeouts.client_seconds))
    except (config.ConfigError, KeyFileError) as exc:
        return _stop(exc, USAGE_ERROR)
    except listener.ListenError as exc:
        return _stop(exc, CANNOT_LISTEN)
    logs.setup(settings.log_level)
    server.serve(settings, keys, sock)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inferhost_proxy",
        description="Gateway between coding agents and a vLLM server. Give a configuration file, or an upstream and a key file. Keys are read from files only.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="run with this configuration")
    parser.add_argument("--check-config", type=Path, metavar="FILE", help="check a configuration and exit")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4000)
    parser.add_argument("--upstream", action="append", metavar="URL", help="a model server, with or without /v1; repeatable")
    parser.add_argument("--key-file", action="append", metavar="FILE", help="holds a key of clients; repeatable")
    parser.add_argument("--upstream-key-file", metavar="FILE", help="holds the key towards the model servers")
    parser.add_argument("--log-level", default="info")
    return parser


def _settings(options: argparse.Namespace) -> config.Config:
    if options.config:
        return config.load(options.config)
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
