"""Connect's stream envelope: flags (u8), length (u32, big-endian), message."""

from __future__ import annotations

import struct

END_OF_STREAM = 0x02
_COMPRESSED = 0x01
_HEADER = struct.Struct(">BI")
MAX_MESSAGE = 64 * 1024 * 1024


class EnvelopeError(ValueError):
    """The bytes are no envelope that this client can take."""


def encode(message: bytes, flags: int = 0) -> bytes:
    """One message in its envelope."""
    return _HEADER.pack(flags, len(message)) + message


class EnvelopeDecoder:
    """Cuts a byte stream that comes in arbitrary pieces into messages."""

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._max_message = max_message

    def feed(self, data: bytes) -> "list[tuple[int, bytes]]":
        """Adds bytes and returns each (flags, message) that is now whole.

        Raises:
            EnvelopeError: a message is compressed, which was not offered, or too long.
        """
        buffer = self._buffer
        buffer += data
        start, messages = 0, []
        while len(buffer) - start >= 5:
            flags, size = _HEADER.unpack_from(buffer, start)
            if size > self._max_message:
                raise EnvelopeError("a message of %d bytes is too long" % size)
            if flags & _COMPRESSED:
                raise EnvelopeError("a message is compressed")
            if len(buffer) - start - 5 < size:
                break
            messages.append((flags, bytes(buffer[start + 5 : start + 5 + size])))
            start += 5 + size
        del buffer[:start]
        return messages

    @property
    def pending(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._buffer)
