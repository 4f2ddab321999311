"""Frames on the socket between runner and worker."""

from __future__ import annotations

import _socket

from burrow._runner import json_text

MAX_HEADER_BYTES = 1 << 20
MAX_BODY_BYTES = 2 << 30

_CHUNK_BYTES = 1 << 16
_MAX_CHUNK_BYTES = 4 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple, Union

    Frame = Tuple[Dict[str, Any], Union[bytes, memoryview]]


class ProtocolError(Exception):
    """The worker sent something that is no frame."""


class Channel:
    """One end of the stream socket; owned and used by the main thread alone.

    A signal handler may call `receive_available` while user code runs, as nothing else reads then.
    """

    def __init__(self, fd: int) -> None:
        """Takes over the descriptor `fd` and hides it from programs that user code starts."""
        self._socket = _socket.socket(fileno=fd)
        self._buffer: Union[bytes, bytearray] = b""
        self._missing = 0  # bytes that the frame at the head of the buffer still lacks
        self.closed = False  # the worker's end is gone

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def send(self, header: Dict[str, Any], body: bytes = b"") -> None:
        """Sends one frame; blocks until it is on its way. Raises OSError if the worker is gone."""
        text = json_text.encode(header).encode("utf-8", "replace")
        head = len(text).to_bytes(4, "little") + len(body).to_bytes(4, "little") + text
        sent = self._socket.sendmsg((head, body), (), _socket.MSG_NOSIGNAL)
        if sent < len(head) + len(body):
            self._send_rest(head, body, sent)

    def _send_rest(self, head: bytes, body: bytes, sent: int) -> None:
        for part in (head, body):
            view = memoryview(part)[sent:]
            sent = max(0, sent - len(part))
            while len(view) > 0:
                view = view[self._socket.send(view, _socket.MSG_NOSIGNAL) :]

    def receive(self) -> List[Frame]:
        """Waits for at least one frame; empty at the end of the stream."""
        frames = self._take()
        while not frames and self._fill(0):
            frames = self._take()
        return frames

    def receive_available(self, patience_s: float = 0.0) -> List[Frame]:
        """Takes what has arrived without waiting for a frame to begin.

        The rest of a frame that has arrived in part is waited for, up to `patience_s` seconds
        without a byte.
        """
        frames: List[Frame] = []
        while not self.closed:
            try:
                self._fill(_socket.MSG_DONTWAIT)
            except BlockingIOError:
                if not (self._missing and patience_s and self._readable_within(patience_s)):
                    break
                continue
            frames += self._take()
        return frames

    def _readable_within(self, seconds: float) -> bool:
        from select import select

        return bool(select([self._socket.fileno()], [], [], seconds)[0])

    def _fill(self, flags: int) -> bool:
        wanted = min(max(self._missing, _CHUNK_BYTES), _MAX_CHUNK_BYTES)
        try:
            chunk = self._socket.recv(wanted, flags)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            self.closed = True
            return False
        if not self._buffer:
            self._buffer = chunk
        else:
            if not isinstance(self._buffer, bytearray):
                self._buffer = bytearray(self._buffer)
            self._buffer += chunk
            self._missing = max(0, self._missing - len(chunk))
        return True

    def _take(self) -> List[Frame]:
        """Cuts the complete frames off the buffer."""
        if self._missing:
            return []
        frames: List[Frame] = []
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 8:
            head_end = at + 8 + int.from_bytes(buffer[at : at + 4], "little")
            end = head_end + int.from_bytes(buffer[at + 4 : at + 8], "little")
            if head_end - at - 8 > MAX_HEADER_BYTES or end - head_end > MAX_BODY_BYTES:
                raise ProtocolError("a frame is larger than the protocol allows")
            if end > len(buffer):
                self._missing = end - len(buffer)
                break
            frames.append((_decode(buffer[at + 8 : head_end]), memoryview(buffer)[head_end:end]))
            at = end
        # A body is a view of the buffer that it came in, so the rest moves to a new one.
        self._buffer = buffer[at:] if at else buffer
        return frames

    def release(self) -> None:
        """Leaves the descriptor open until the process ends, but to nobody.

        An interpreter that finds an open socket object while it shuts down may crash over the
        warning.
        """
        self.closed = True
        self._socket.detach()

    def abandon(self) -> None:
        """Closes this process's copy of the descriptor, as a forked child must."""
        self.closed = True
        self._socket.close()


def _decode(text: Union[bytes, bytearray]) -> Dict[str, Any]:
    try:
        header = json_text.decode(text.decode("utf-8"))
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise ProtocolError("a frame's header is no JSON object")
    return header
