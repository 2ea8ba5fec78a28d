# Copyright: (c) 2026, inferhost contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit 0 and print the process id when a supervisord answers on the given socket, otherwise exit 1.

A pid file tells of a process that once was; only an answer tells of one that is.
"""

from __future__ import annotations

import sys
import xmlrpc.client

from supervisor.xmlrpc import SupervisorTransport


def main(socket: str) -> int:
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=SupervisorTransport(None, None, f"unix://{socket}"))
    try:
        print(proxy.supervisor.getPID())
    except (OSError, xmlrpc.client.Error) as error:
        print(f"no supervisord answers on {socket}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
