# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprints against those that gpg 2.2 printed for keys that were made for this test."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._apt._openpgp import NotAKey, dearmoured, fingerprints

FINGERPRINT = "B7C0B1FBF4325307E033E67C48C3DCE22B9730B2"
BODY = """mDMEawGp9RYJKwYBBAHaRw8BAQdAmFJYbft3UqGbFX9ypqMXqxBCxp4aXmefP7UC
tbUdP6C0MWluZmVyaG9zdCB0ZXN0IHJlcG9zaXRvcnkgPHRlc3RzQGV4YW1wbGUu
aW52YWxpZD6IkAQTFggAOBYhBLfAsfv0MlMH4DPmfEjD3OIrlzCyBQJrAan1AhsD
BQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEEjD3OIrlzCyJPIBALgL6OY151yC
7H67VpuyHWU/LiPnO/lh8AmGDm1JwQ0yAQCgMdblGaknScsDoK5qWyK1dfZYAHO5
CXAW8UEF49uaDg==
"""
ARMOURED = ("-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: made for a test\n\n%s=yZ8+\n-----END PGP PUBLIC KEY BLOCK-----\n" % BODY).encode()
BINARY = base64.b64decode(BODY)


def test_of_a_key_in_either_form() -> None:
    assert fingerprints(ARMOURED) == fingerprints(BINARY) == [FINGERPRINT]
    assert dearmoured(ARMOURED) == BINARY


def test_of_each_key_in_a_file() -> None:
    assert fingerprints(ARMOURED + ARMOURED) == [FINGERPRINT, FINGERPRINT]


def test_a_changed_key_has_another_fingerprint() -> None:
    changed = bytearray(BINARY)
    changed[20] ^= 1
    assert fingerprints(bytes(changed)) != [FINGERPRINT]


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", BINARY[:40], ARMOURED.replace(b"mDME", b"mD!E"), b"\x99\x00\x01\x03"])
def test_what_is_no_key_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(NotAKey):
        fingerprints(content)
