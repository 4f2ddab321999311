"""Runs one call: reads its arguments, calls the function, sends what comes out."""

from __future__ import annotations

import os
from time import monotonic

from burrow import _serialization
from burrow._call_context import enter_call
from burrow._runner import output
from burrow._runner.cancellation import explain
from burrow._runner.imports import call_late, import_late
from burrow._runner.values import RETURNED, YIELDED, pickle_value, send_async_items
from burrow.exception import CancelledError, InputCancellation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Union

    from burrow._runner.async_execution import Loop
    from burrow._runner.cancellation import Interrupts
    from burrow._runner.frames import Channel, Frame
    from burrow._runner.inbox import Inbox
    from burrow._runner.service import Service


class Executor:
    """Calls the function in the main thread, one call after another."""

    def __init__(
        self,
        service: Service,
        channel: Channel,
        inbox: Inbox,
        interrupts: Interrupts,
    ) -> None:
        self._service = service
        self._channel = channel
        self._inbox = inbox
        self._interrupts = interrupts
        self._pid = os.getpid()
        self._loop: Optional[Loop] = None
        if service.has_async:
            self._event_loop()  # now, so that it counts as import and not into the first call

    def run(self, frame: Frame) -> None:
        """Answers one call. Raises SystemExit if the function did, OSError if the worker is gone."""
        header, body = frame
        call_id = header["id"]
        answer = {"id": call_id, "attempt": header["attempt"]}
        reason = self._inbox.why_cancelled(call_id)
        if reason is not None:
            self._send_cancelled(answer, reason, 0.0)
        else:
            enter_call(call_id)
            self._run(answer, body, header.get("method") or "")
            enter_call("")
        self._inbox.finished(call_id)

    def finish(self, outcome: Any) -> None:
        """Awaits what an async hook has only begun."""
        if hasattr(type(outcome), "__await__"):
            loop = self._event_loop()
            loop.run(loop.start(outcome))

    def close(self) -> None:
        """Runs exit hooks, then ends the event loop and what still runs in it."""
        self._service.exit(self.finish)
        if self._loop is not None:
            self._loop.close()

    def _run(self, answer: Dict[str, Any], body: Union[bytes, memoryview], method: str) -> None:
        call_id = answer["id"]
        failure: Optional[BaseException] = None
        value = b""
        started = monotonic()
        try:
            try:
                value = self._call(answer, body, method)
            finally:
                self._interrupts.leave()
        except BaseException as error:
            # Again, as a signal may have come between the function's end and the first `leave`.
            self._interrupts.leave()
            failure = error
        if os.getpid() != self._pid:
            os._exit(0 if failure is None else 1)  # a forked child that came back from the call
        run_ms = (monotonic() - started) * 1000
        if self._interrupts.was_told(call_id):
            if not self._interrupts.terminating:
                reason = self._inbox.why_cancelled(call_id) or "cancelled"
                self._send_cancelled(answer, reason, run_ms)
        elif failure is None:
            output.flush()
            answer["t"] = "result"
            answer["run_ms"] = run_ms
            self._channel.send(answer, value)
        elif isinstance(failure, SystemExit):
            raise failure
        else:
            self._send_failure(answer, failure, run_ms)

    def _call(self, answer: Dict[str, Any], body: Union[bytes, memoryview], method: str) -> bytes:
        self._interrupts.begin(answer["id"])
        function, is_generator = self._service.methods[method]
        args, kwargs = _serialization.loads(body)
        value = function(*args, **kwargs)
        if is_generator:
            self._stream(answer, value)
            value = None
        elif hasattr(type(value), "__await__"):
            value = self._await(answer, value)
        return pickle_value(value, RETURNED)

    def _stream(self, answer: Dict[str, Any], items: Any) -> None:
        if hasattr(type(items), "__anext__"):
            sent = send_async_items(items, lambda index, body: self._send_item(answer, index, body))
            self._await(answer, sent)
            return
        interrupts = self._interrupts
        index = 0
        try:
            for item in items:
                body = pickle_value(item, YIELDED)
                interrupts.leave()
                self._send_item(answer, index, body)
                index += 1
                try:
                    interrupts.enter(answer["id"])
                except InputCancellation as cancellation:
                    items.throw(cancellation)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def _send_item(self, answer: Dict[str, Any], index: int, body: bytes) -> None:
        output.flush()
        self._channel.send({"t": "item", **answer, "index": index}, body)

    def _await(self, answer: Dict[str, Any], awaitable: Any) -> Any:
        self._interrupts.leave()  # an interrupted import of asyncio would leave it broken
        loop = self._event_loop()
        task = loop.start(awaitable)
        self._interrupts.cancel_task = lambda: loop.cancel(task)
        try:
            self._interrupts.enter(answer["id"])
            value = loop.run(task)
            self._interrupts.leave()
            return value
        finally:
            self._interrupts.cancel_task = None

    def _event_loop(self) -> Loop:
        if self._loop is None:
            import_late("asyncio")
            self._loop = import_late("burrow._runner.async_execution").Loop()
        return self._loop

    def _send_cancelled(self, answer: Dict[str, Any], reason: str, run_ms: float) -> None:
        self._send_failure(answer, CancelledError(explain(reason)), run_ms, cancelled=True)

    def _send_failure(
        self, answer: Dict[str, Any], failure: BaseException, run_ms: float, cancelled: bool = False
    ) -> None:
        described, body = call_late("burrow._runner.failures", "describe", failure)
        output.flush()
        self._channel.send(
            {"t": "error", **answer, "run_ms": run_ms, "error": described, "cancelled": cancelled},
            body,
        )
