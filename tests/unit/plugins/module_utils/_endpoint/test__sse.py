# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._sse import SseDecoder, SseTooLong

STREAMS = [
    pytest.param(b"data: one\n\ndata: two\n\n", ["one", "two"], id="newlines"),
    pytest.param(b"data: one\r\n\r\ndata: two\r\n\r\n", ["one", "two"], id="carriage-return-newline"),
    # A last CR alone cannot be told from half a CRLF, so this stream closes with a comment.
    pytest.param(b"data: one\r\rdata: two\r\r:\n", ["one", "two"], id="carriage-returns"),
    pytest.param(b"\xef\xbb\xbfdata: one\n\n", ["one"], id="byte-order-mark"),
    pytest.param(b"data: a\ndata: b\n\n", ["a\nb"], id="two-data-lines-are-one-event"),
    pytest.param(b": ping\n\nevent: x\nid: 3\ndata:no space\n\n", ["no space"], id="comment-and-other-fields"),
    pytest.param(b"data:  two spaces\n\n", [" two spaces"], id="only-one-space-is-removed"),
    pytest.param(b"data\n\n", [""], id="data-without-colon"),
    pytest.param("data: gr\u00fc\u00df \U0001f600\n\n".encode(), ["gr\u00fc\u00df \U0001f600"], id="multi-byte"),
    pytest.param(b"data: cut\n", [], id="event-without-end-is-none"),
    pytest.param(b"\n\n\n", [], id="blank-lines"),
]


@pytest.mark.parametrize("stream, events", STREAMS)
def test_every_split_gives_the_same_events(stream: bytes, events: list) -> None:
    whole = SseDecoder().feed(stream)
    assert whole == events
    for at in range(len(stream) + 1):
        decoder = SseDecoder()
        assert decoder.feed(stream[:at]) + decoder.feed(stream[at:]) == events, at
    decoder = SseDecoder()
    assert [e for i in range(len(stream)) for e in decoder.feed(stream[i : i + 1])] == events


def test_an_endless_line_is_refused() -> None:
    decoder = SseDecoder(max_bytes=100)
    with pytest.raises(SseTooLong, match="100 bytes"):
        decoder.feed(b"data: " + b"x" * 200)


def test_an_endless_event_of_short_lines_is_refused() -> None:
    decoder = SseDecoder(max_bytes=100)
    with pytest.raises(SseTooLong):
        for _line in range(100):
            decoder.feed(b"data: 0123456789\n")
