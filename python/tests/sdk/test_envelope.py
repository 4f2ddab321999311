from __future__ import annotations

import pytest

from burrow._client.envelope import END_OF_STREAM, EnvelopeDecoder, EnvelopeError, encode


def test_messages_survive_any_cut() -> None:
    data = encode(b"one") + encode(b"") + encode(b"{}", END_OF_STREAM)
    for size in range(1, len(data) + 1):
        decoder = EnvelopeDecoder()
        found = []
        for start in range(0, len(data), size):
            found += decoder.feed(data[start : start + size])
        assert found == [(0, b"one"), (0, b""), (END_OF_STREAM, b"{}")]
        assert decoder.pending == 0


def test_the_header_is_flags_and_a_big_endian_length() -> None:
    assert encode(b"abc", 2) == b"\x02\x00\x00\x00\x03abc"


def test_a_message_beyond_the_limit_is_refused_before_it_arrives() -> None:
    with pytest.raises(EnvelopeError, match="too long"):
        EnvelopeDecoder(max_message=10).feed(b"\x00\xff\xff\xff\xff")


def test_a_compressed_message_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="compressed"):
        EnvelopeDecoder().feed(encode(b"x", 1))
