# Copyright: (c) 2026, inferhost contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop the supervisord that answers on the given socket, with everything it runs, and wait until it is gone.

Only an answering supervisord is stopped: a process id from a file could be anybody's by now.
"""

from __future__ import annotations

import os
import sys
import time
import xmlrpc.client

import leftovers
from supervisor.xmlrpc import SupervisorTransport

DEADLINE = 120.0


def main(socket: str) -> int:
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=SupervisorTransport(None, None, f"unix://{socket}"))
    try:
        pid = int(str(proxy.supervisor.getPID()))
        proxy.supervisor.shutdown()
    except (OSError, xmlrpc.client.Error) as error:
        print(f"no supervisord answers on {socket}: {error}")
        return 0
    end = time.monotonic() + DEADLINE
    while os.path.isdir(f"/proc/{pid}"):
        if time.monotonic() > end:
            print(f"supervisord {pid} did not end within {DEADLINE:.0f} s", file=sys.stderr)
            return 1
        time.sleep(0.2)
    # Whose first process had died by itself.
    leftovers.end(f"unix://{socket}")
    print(f"stopped supervisord {pid} and its services")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
