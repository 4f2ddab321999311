"""Writes packs, in which many small blobs travel as one: see docs/pack-format.md.

The standard library has no zstd, but a frame of stored blocks is one that every reader takes.
"""

from __future__ import annotations

import struct

_HEADER = b"BRPK" + struct.pack("<HHQ", 1, 0, 0)
_RECORD = struct.Struct("<IIII")
_FRAME, _END = 1, 3
MAX_FRAME = 1024 * 1024
_BLOCK = 128 * 1024
# Magic number; descriptor: single segment, content size in four bytes.
_ZSTD = struct.Struct("<IBI")
_MAGIC, _DESCRIPTOR = 0xFD2FB528, 0xA0


class PackWriter:
    """Collects blobs of at most MAX_FRAME bytes each; `finish` gives the pack."""

    def __init__(self) -> None:
        self._parts = [_HEADER]
        self._entries: "list[bytes]" = []
        self._contents: "list[bytes]" = []
        self._raw = 0
        self._count = 0
        self.size = 0

    def add(self, digest: str, content: bytes) -> None:
        """Adds a blob that is not empty."""
        if self._raw + len(content) > MAX_FRAME:
            self._close_frame()
        self._entries.append(bytes.fromhex(digest) + struct.pack("<I", len(content)))
        self._contents.append(content)
        self._raw += len(content)
        self._count += 1
        self.size += len(content)

    def finish(self) -> bytes:
        """The whole pack."""
        self._close_frame()
        self._parts.append(_RECORD.pack(_END, self._count, 0, 0))
        return b"".join(self._parts)

    def _close_frame(self) -> None:
        if not self._entries:
            return
        frame = _stored_frame(b"".join(self._contents))
        self._parts.append(_RECORD.pack(_FRAME, len(self._entries), self._raw, len(frame)))
        self._parts += self._entries
        self._parts.append(frame)
        self._entries, self._contents, self._raw = [], [], 0


def _stored_frame(content: bytes) -> bytes:
    parts = [_ZSTD.pack(_MAGIC, _DESCRIPTOR, len(content))]
    for start in range(0, len(content), _BLOCK):
        block = content[start : start + _BLOCK]
        last = start + _BLOCK >= len(content)
        parts.append(struct.pack("<I", len(block) << 3 | int(last))[:3])
        parts.append(block)
    return b"".join(parts)
