"""Makes one call of the function out of several: @burrow.batched()."""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic

from burrow import _call_context, _serialization
from burrow._runner.concurrent_execution import STOPPING, AtOnce, RunningCall
from burrow._runner.interruption import Interruption
from burrow._runner.values import pickle_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

    from burrow._runner.concurrent_execution import Body
    from burrow._runner.frames import Channel
    from burrow._runner.service import Service
    from burrow._runner.tagged_output import TaggedOutput

    Arguments = Tuple[Tuple[Any, ...], Dict[str, Any]]


class BatchedCall(RunningCall):
    """One call of a batch, or one that waits for being in one."""

    def __init__(self, header: Dict[str, Any], body: Body) -> None:
        super().__init__(header, body)
        self.batch: Optional[Batch] = None
        self.answered = False


class Batch:
    """Calls whose arguments have the same names, run together."""

    def __init__(self, calls: List[BatchedCall], arguments: List[Arguments]) -> None:
        self.calls = calls
        self.arguments = arguments
        self.interruption = Interruption()

    def columns(self) -> Arguments:
        """The function's arguments: a list for each of the calls'."""
        first_args, first_kwargs = self.arguments[0]
        args = tuple(
            [call_args[position] for call_args, _ in self.arguments]
            for position in range(len(first_args))
        )
        kwargs = {name: [given[name] for _, given in self.arguments] for name in first_kwargs}
        return args, kwargs


class BatchExecutor(AtOnce):
    """Collects calls and runs one batch after another in a thread of its own, or in the event loop.

    One cancelled call of a batch is answered at once and the batch goes on; when nobody is left who
    waits for it, it is interrupted.
    """

    def __init__(
        self, service: Service, channel: Channel, output: TaggedOutput, size: int, wait_ms: int
    ) -> None:
        super().__init__(service, channel, output)
        self._size = size
        self._wait_s = wait_ms / 1000
        self._changed = threading.Condition()  # guards what waits, and who was answered
        self._waiting: Deque[BatchedCall] = deque()
        self._running: Optional[Batch] = None
        if service.has_async:
            self.loop()  # now, so that it counts as import and not into the first call
        threading.Thread(target=self._run, name="burrow-batches", daemon=True).start()

    def start(self, header: Dict[str, Any], body: Body) -> None:
        call = BatchedCall(header, body)
        with self._changed:
            self.calls[call.id] = call
            self._waiting.append(call)
            self._changed.notify_all()

    def cancel(self, call_id: str, reason: str) -> None:
        with self._changed:
            call = self.calls.get(call_id)
            if not isinstance(call, BatchedCall) or call.answered:
                return
            call.interruption.reason = reason
            if call.batch is None:
                self._waiting.remove(call)
            elif all(other.interruption.reason for other in call.batch.calls):
                return call.batch.interruption.ask(reason)
            call.answered = True
        self.conclude(call, b"", None)

    def close(self) -> None:
        with self._changed:
            self._waiting.clear()
            for call in self.calls.values():
                call.interruption.reason = STOPPING
                if isinstance(call, BatchedCall) and call.batch is not None:
                    call.batch.interruption.ask(STOPPING)
            self.calls = {id: c for id, c in self.calls.items() if getattr(c, "batch", None)}
        super().close()

    def _interruption_of(self, call_id: str) -> Optional[Interruption]:
        batch = self._running
        return None if batch is None else batch.interruption

    def _function(self) -> Callable[..., Any]:
        ((function, _),) = self.service.methods.values()
        return function

    def _run(self) -> None:
        while True:
            for batch in self._grouped(self._collect()):
                self._run_batch(batch)

    def _collect(self) -> List[BatchedCall]:
        """The next calls: a full batch, or those that came within the wait of the first."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            until = self._waiting[0].started + self._wait_s
            while self._waiting and len(self._waiting) < self._size:
                left = until - monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]

    def _grouped(self, calls: List[BatchedCall]) -> List[Batch]:
        groups: Dict[Any, Tuple[List[BatchedCall], List[Arguments]]] = {}
        for call in calls:
            try:
                arguments = self._named(*_serialization.loads(call.body))
            except BaseException as error:
                self._answer(call, b"", error)
                continue
            key = (len(arguments[0]), tuple(sorted(arguments[1])))
            group = groups.setdefault(key, ([], []))
            group[0].append(call)
            group[1].append(arguments)
        batches = [Batch(*group) for group in groups.values()]
        with self._changed:
            for batch in batches:
                for call in batch.calls:
                    call.batch = batch
                if all(call.interruption.reason for call in batch.calls):
                    batch.interruption.reason = batch.calls[0].interruption.reason
        return batches

    def _named(self, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Arguments:
        """Arguments by name, so that f(1) and f(x=1) fit into one batch."""
        function = self._function()
        code = getattr(function, "__code__", None)
        names = code.co_varnames[: code.co_argcount] if code is not None else ()
        names = names[1:] if getattr(function, "__self__", None) is not None else names
        if len(args) > len(names):
            return args, kwargs
        named = dict(zip(names, args))
        return ((), {**named, **kwargs}) if not set(named) & set(kwargs) else (args, kwargs)

    def _run_batch(self, batch: Batch) -> None:
        _call_context.enter_call(batch.calls[0].id)
        self._running = batch
        started = monotonic()
        for call in batch.calls:
            call.started = started
        values, failure = batch.interruption.run(lambda: self._call(batch))
        self._running = None
        self.leave_fork(failure)
        _call_context.enter_call("")
        self.output.finish(batch.calls[0].id)
        for position, call in enumerate(batch.calls):
            self._answer(call, values[position] if values else b"", failure)

    def _answer(self, call: BatchedCall, value: bytes, failure: Optional[BaseException]) -> None:
        with self._changed:
            if call.answered:
                return
            call.answered = True
        self.conclude(call, value, failure)

    def _call(self, batch: Batch) -> List[bytes]:
        args, kwargs = batch.columns()
        outcome = self._function()(*args, **kwargs)
        if hasattr(type(outcome), "__await__"):
            outcome = self._await(batch, outcome)
        if not isinstance(outcome, list) or len(outcome) != len(batch.calls):
            raise ValueError(
                "a @burrow.batched() function returns a list with one element for each of its %d "
                "calls, not %s" % (len(batch.calls), _described(outcome))
            )
        return [pickle_value(value, "an element that the function returned") for value in outcome]

    def _await(self, batch: Batch, awaitable: Any) -> Any:
        batch.interruption.leave()
        return self.loop().wait(self._watched(batch, awaitable))

    async def _watched(self, batch: Batch, awaitable: Any) -> Any:
        _call_context.enter_call(batch.calls[0].id)
        cancel = self.loop().cancel_of_current()
        if not batch.interruption.enter_task(cancel):
            cancel()
        try:
            return await awaitable
        finally:
            batch.interruption.leave_task()


def _described(outcome: Any) -> str:
    if isinstance(outcome, list):
        return "one of %d elements" % len(outcome)
    return "a %s" % type(outcome).__name__
