# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the user is, in the words of search engines."""

from __future__ import annotations

LANGUAGES = {
    "ar": "es", "at": "de", "au": "en", "be": "nl", "bg": "bg", "br": "pt", "ca": "en", "ch": "de", "cl": "es", "cn": "zh", "co": "es", "cz": "cs",
    "de": "de", "dk": "da", "ee": "et", "es": "es", "fi": "fi", "fr": "fr", "gb": "en", "gr": "el", "hr": "hr", "hu": "hu", "id": "id", "ie": "en",
    "il": "he", "in": "en", "it": "it", "jp": "jp", "kr": "kr", "lt": "lt", "lv": "lv", "mx": "es", "my": "ms", "nl": "nl", "no": "no", "nz": "en",
    "pe": "es", "ph": "en", "pl": "pl", "pt": "pt", "ro": "ro", "ru": "ru", "se": "sv", "sg": "en", "si": "sl", "sk": "sk", "th": "th", "tr": "tr",
    "tw": "tzh", "ua": "uk", "us": "en", "vn": "vi", "za": "en",
}  # fmt: skip
"""From a country to the language of its results, as DuckDuckGo's regions write it."""
OWN = {"gb": "uk"}
REAL = {"jp": "ja", "kr": "ko", "tzh": "zh"}
"""Where DuckDuckGo's name of a language is not that of the standard."""
NO_REGION, ANY = "us-en", "all"


def region(country: str | None) -> str:
    """DuckDuckGo's region: `de-de`."""
    code = (country or "").lower()
    return f"{OWN.get(code, code)}-{LANGUAGES[code]}" if code in LANGUAGES else NO_REGION


def locale(country: str | None) -> str:
    """SearXNG's language: `de-DE`."""
    code = (country or "").lower()
    return f"{REAL.get(LANGUAGES[code], LANGUAGES[code])}-{code.upper()}" if code in LANGUAGES else ANY
