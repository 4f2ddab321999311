"""What the worker asked for and the runner has not done yet."""

from __future__ import annotations

from collections import deque

from burrow._runner.frames import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Deque, Dict, Optional

    from burrow._runner.frames import Channel, Frame

# While a call waits to be cancelled, the cancel frame may be behind a large call frame.
_CANCEL_PATIENCE_S = 2.0


class Inbox:
    """Calls in order of arrival, and the cancels for those that have not ended."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pending: Deque[Frame] = deque()
        self._unfinished: Dict[str, int] = {}  # calls that have arrived and not ended
        self._cancelled: Dict[str, str] = {}  # call id to reason, for unfinished calls only
        self.closing = False  # `exit` or the end of the stream has come

    def next_start(self) -> Optional[Frame]:
        """Waits for the `start` frame; None if the worker wants nothing any more."""
        while not self.closing:
            frames = self._channel.receive()
            if frames and frames[0][0].get("t") == "start":
                self._accept_all(frames[1:])
                return frames[0]
            if frames and frames[0][0].get("t") != "exit":
                raise ProtocolError("the first frame is not `start`")
            self.closing = True
        return None

    def next_call(self) -> Optional[Frame]:
        """Waits for a call; None when there will be no more."""
        while not self._pending and not self.closing:
            self._accept_all(self._channel.receive())
        self.poll()
        if self.closing:
            return None
        return self._pending.popleft()

    def poll(self, for_cancel: bool = False) -> None:
        """Accepts what has arrived, without waiting."""
        patience = _CANCEL_PATIENCE_S if for_cancel else 0.0
        self._accept_all(self._channel.receive_available(patience))

    def why_cancelled(self, call_id: str) -> Optional[str]:
        """`cancelled` or `timeout`, or None for a call that is wanted."""
        return self._cancelled.get(call_id)

    def finished(self, call_id: str) -> None:
        """Forgets a call."""
        self._unfinished.pop(call_id, None)
        self._cancelled.pop(call_id, None)

    def _accept_all(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._accept(frame[0], frame)
        if self._channel.closed:
            self.closing = True

    def _accept(self, header: Dict[str, Any], frame: Frame) -> None:
        kind = header.get("t")
        if kind == "call":
            self._unfinished[header["id"]] = header["attempt"]
            self._pending.append(frame)
        elif kind == "cancel" and header["id"] in self._unfinished:
            self._cancelled[header["id"]] = header.get("reason") or "cancelled"
        elif kind == "exit":
            self.closing = True
