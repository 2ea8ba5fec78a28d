# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket

from ansible_collections.inferhost.llm.plugins.module_utils._listeners import listeners, parse_address, parse_listening

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0FA1 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
"""


def test_only_listening_rows_count():
    assert parse_listening(TABLE) == [("127.0.0.1", 4000, 1000, "4711")]


def test_addresses():
    assert parse_address("00000000") == "0.0.0.0"
    assert parse_address("00000000000000000000000001000000") == "0:0:0:0:0:0:0:1"


def test_our_own_listener_is_found_with_its_process():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [listener for listener in listeners() if listener.port == port]
    assert [listener.pid for listener in found] == [os.getpid()]
    assert "python" in found[0].command or "pytest" in found[0].command
