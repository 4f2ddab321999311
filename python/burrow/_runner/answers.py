"""Frames to the worker from several threads: outcomes, items, printed text."""

from __future__ import annotations

import threading

from burrow._runner.cancellation import explain
from burrow._runner.imports import import_late
from burrow.exception import CancelledError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    from burrow._runner.frames import Channel


class Answers:
    """The channel, with one sender at a time. Nothing here may be interrupted half-way."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        # Now, in the main thread: what is imported late replaces sys.path for a moment.
        self._failures = import_late("burrow._runner.failures")

    def result(self, call: Dict[str, Any], value: bytes, run_ms: float) -> None:
        """The call has returned."""
        self._send({"t": "result", **call, "run_ms": run_ms}, value)

    def item(self, call: Dict[str, Any], index: int, body: bytes) -> None:
        """The call has yielded."""
        self._send({"t": "item", **call, "index": index}, body)

    def failure(self, call: Dict[str, Any], error: BaseException, run_ms: float) -> None:
        """The call has raised."""
        self._fail(call, error, run_ms, False)

    def cancelled(self, call: Dict[str, Any], reason: str, run_ms: float) -> None:
        """The call has ended because it was to."""
        self._fail(call, CancelledError(explain(reason)), run_ms, True)

    def printed(self, call_id: str, stream: str, text: str) -> None:
        """A call has printed whole lines, or its last words."""
        self._send(
            {"t": "output", "id": call_id, "stream": stream}, text.encode("utf-8", "replace")
        )

    def _fail(
        self, call: Dict[str, Any], error: BaseException, run_ms: float, cancelled: bool
    ) -> None:
        described, body = self._failures.describe(error)
        header = {"t": "error", **call, "run_ms": run_ms, "error": described}
        self._send({**header, "cancelled": cancelled}, body)

    def _send(self, header: Dict[str, Any], body: bytes) -> None:
        try:
            with self._lock:
                self._channel.send(header, body)
        except OSError:
            pass  # the worker is gone, which the main thread notices
