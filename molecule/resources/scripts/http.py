# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request from the host itself: {status, body}.  Arguments: METHOD URL KEY_FILE|- BODY|-

The key is read here, so that it is in no command line and in no output of a test.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

method, url, key_file, body = sys.argv[1:]
request = urllib.request.Request(url, method=method, data=None if body == "-" else body.encode())
request.add_header("Content-Type", "application/json")
if key_file != "-":
    request.add_header("Authorization", f"Bearer {Path(key_file).read_text(encoding='utf-8').strip()}")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(request, timeout=120) as answer:
        result = {"status": answer.status, "body": answer.read().decode()}
except urllib.error.HTTPError as error:
    result = {"status": error.code, "body": error.read().decode()}
except OSError as error:
    result = {"status": 0, "body": str(error)}
print(json.dumps(result))
