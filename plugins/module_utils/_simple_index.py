# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simple repository page of a Python package index (PEP 503)."""

from __future__ import annotations

import html
import re
from urllib.parse import urldefrag, urljoin

_LINK = re.compile(r"<a\s[^>]*href=[\"']([^\"']+)[\"']", re.IGNORECASE)


class IndexMiss(LookupError):
    """The index answered, but not with the file that is wanted."""


def wheel_link(page: str, page_url: str, sha256: str) -> str:
    """Absolute address of the file with this digest on a project page. Raises IndexMiss when it is not listed."""
    for raw in _LINK.findall(page):
        address, fragment = urldefrag(html.unescape(raw))
        if fragment == f"sha256={sha256}":
            return urljoin(page_url, address)
    raise IndexMiss(f"{page_url} lists no file with sha256 {sha256}")
