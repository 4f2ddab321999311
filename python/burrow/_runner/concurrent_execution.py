"""Runs several calls at once: those of async functions in one event loop, others in threads."""

from __future__ import annotations

import os
import sys
import threading
from time import monotonic

from burrow import _call_context, _serialization
from burrow._runner.answers import Answers
from burrow._runner.imports import import_late
from burrow._runner.interruption import Interruption
from burrow._runner.service import is_async
from burrow._runner.values import RETURNED, YIELDED, pickle_value, send_async_items
from burrow._threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Coroutine, Dict, Optional, Union

    from burrow._runner.cancellation import Interrupts
    from burrow._runner.frames import Channel
    from burrow._runner.inbox import Inbox
    from burrow._runner.loop_thread import LoopThread
    from burrow._runner.service import Service
    from burrow._runner.tagged_output import TaggedOutput

    Body = Union[bytes, memoryview]

_CLOSE_PATIENCE_S = 1.0
STOPPING = "stopping"  # reason of a call that ends with its container: it is not answered


def serve(executor: AtOnce, channel: Channel, inbox: Inbox, interrupts: Interrupts) -> int:
    """Begins and cancels calls as the worker says, until it says `exit` or hangs up."""
    reaper = import_late("burrow._runner.orphans").Reaper() if os.getpid() == 1 else None
    while not inbox.closing and not channel.closed:
        interrupts.waiting()
        frames = channel.receive()
        interrupts.not_waiting()
        for header, body in frames:
            kind = header.get("t")
            if kind == "call":
                executor.start(header, body)
            elif kind == "cancel":
                executor.cancel(header["id"], header.get("reason") or "cancelled")
            elif kind == "exit":
                return 0
        if reaper is not None:
            reaper.reap()
    return 0


class RunningCall:
    """One call from its frame to its answer."""

    def __init__(self, header: Dict[str, Any], body: Body) -> None:
        self.id: str = header["id"]
        self.answer = {"id": self.id, "attempt": header["attempt"]}
        self.method: str = header.get("method") or ""
        self.body: Body = body
        self.interruption = Interruption()
        self.started = monotonic()

    @property
    def run_ms(self) -> float:
        return (monotonic() - self.started) * 1000


class AtOnce:
    """What concurrent and batched execution share: threads, the loop, output told apart by call.

    `start` and `cancel` belong to the main thread, which reads the worker's frames meanwhile.
    """

    def __init__(self, service: Service, channel: Channel, output: TaggedOutput) -> None:
        self.service = service
        self.answers = Answers(channel)
        self.output = output
        output.sink = self._printed
        self.calls: Dict[str, RunningCall] = {}
        self._ended = threading.Condition()
        self._pid = os.getpid()
        self._loop: Optional[LoopThread] = None

    def start(self, header: Dict[str, Any], body: Body) -> None:
        """Begins a call."""
        raise NotImplementedError

    def cancel(self, call_id: str, reason: str) -> None:
        """Cuts a call short, unless it has ended."""
        call = self.calls.get(call_id)
        if call is not None:
            call.interruption.ask(reason)

    def finish(self, outcome: Any) -> None:
        """Awaits what an async hook has only begun."""
        if hasattr(type(outcome), "__await__"):
            self.loop().wait(outcome)

    def close(self) -> None:
        """Ends calls that still run, without answers; then runs exit hooks and ends the loop."""
        for call in list(self.calls.values()):
            call.interruption.ask(STOPPING)
        with self._ended:
            self._ended.wait_for(lambda: not self.calls, _CLOSE_PATIENCE_S)
        self.service.exit(self.finish)
        if self._loop is not None:
            self._loop.close()

    def loop(self) -> LoopThread:
        """The event loop, made when it is first asked for."""
        if self._loop is None:
            import_late("asyncio")
            self._loop = import_late("burrow._runner.loop_thread").LoopThread()
        assert self._loop is not None
        return self._loop

    def conclude(self, call: RunningCall, value: bytes, failure: Optional[BaseException]) -> None:
        """Answers a call that has ended, and forgets it."""
        self.leave_fork(failure)
        self.output.finish(call.id)
        reason = call.interruption.reason
        if reason:
            if reason != STOPPING:
                self.answers.cancelled(call.answer, reason, call.run_ms)
        elif failure is None:
            self.answers.result(call.answer, value, call.run_ms)
        elif isinstance(failure, SystemExit):
            self.end_process(failure)
        else:
            self.answers.failure(call.answer, failure, call.run_ms)
        with self._ended:
            self.calls.pop(call.id, None)
            self._ended.notify_all()

    def leave_fork(self, failure: Optional[BaseException]) -> None:
        """Ends a forked child that came back from user code."""
        if os.getpid() != self._pid:
            os._exit(0 if failure is None else 1)

    def end_process(self, leaving: SystemExit) -> None:
        """A function called sys.exit(): the container ends, as it does with one call at a time."""
        code = leaving.code
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)

    def _printed(self, call_id: str, stream: str, text: str) -> None:
        interruption = self._interruption_of(call_id)
        if interruption is None:
            self.answers.printed(call_id, stream, text)
        else:
            interruption.shielded(lambda: self.answers.printed(call_id, stream, text))

    def _interruption_of(self, call_id: str) -> Optional[Interruption]:
        """What may cut short the thread that runs the call."""
        call = self.calls.get(call_id)
        return None if call is None else call.interruption


class ConcurrentExecutor(AtOnce):
    """A thread or a task for each call. The worker sends no more than the function takes."""

    def __init__(self, service: Service, channel: Channel, output: TaggedOutput) -> None:
        super().__init__(service, channel, output)
        self._threads = Threads("burrow-call")
        if service.has_async:
            self.loop()  # now, so that it counts as import and not into the first call

    def start(self, header: Dict[str, Any], body: Body) -> None:
        call = RunningCall(header, body)
        self.calls[call.id] = call
        function = self.service.methods.get(call.method, (None, False))[0]
        if is_async(function):
            self.loop().start(self._run_task(call))
        else:
            self._threads.submit(lambda: self._run_thread(call))

    def _run_thread(self, call: RunningCall) -> None:
        _call_context.enter_call(call.id)
        value, failure = call.interruption.run(lambda: self._call(call))
        self.conclude(call, value, failure)
        _call_context.enter_call("")

    def _call(self, call: RunningCall) -> bytes:
        function, is_generator = self.service.methods[call.method]
        args, kwargs = _serialization.loads(call.body)
        value = function(*args, **kwargs)
        if hasattr(type(value), "__anext__"):
            value = self.loop().wait(self._sending_async_items(call, value))
        elif is_generator:
            self._send_items(call, value)
            value = None
        elif hasattr(type(value), "__await__"):
            value = self.loop().wait(value)
        return pickle_value(value, RETURNED)

    def _send_items(self, call: RunningCall, items: Any) -> None:
        try:
            for index, item in enumerate(items):
                body = pickle_value(item, YIELDED)
                call.interruption.shielded(lambda: self._send_item(call, index, body))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def _send_item(self, call: RunningCall, index: int, body: bytes) -> None:
        self.output.finish(call.id)
        self.answers.item(call.answer, index, body)

    async def _run_task(self, call: RunningCall) -> None:
        _call_context.enter_call(call.id)
        value: bytes = b""
        failure: Optional[BaseException] = None
        if call.interruption.enter_task(self.loop().cancel_of_current()):
            try:
                value = await self._await(call)
            except BaseException as error:
                failure = error
            call.interruption.leave_task()
        self.conclude(call, value, failure)

    async def _await(self, call: RunningCall) -> bytes:
        function, is_generator = self.service.methods[call.method]
        args, kwargs = _serialization.loads(call.body)
        value = function(*args, **kwargs)
        if is_generator or hasattr(type(value), "__anext__"):
            await self._sending_async_items(call, value)
            value = None
        else:
            value = await value
        return pickle_value(value, RETURNED)

    def _sending_async_items(self, call: RunningCall, items: Any) -> "Coroutine[Any, Any, None]":
        return send_async_items(items, lambda index, body: self._send_item(call, index, body))
