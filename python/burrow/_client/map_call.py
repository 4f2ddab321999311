"""One map: inputs are read, queued and awaited at the same time, each in bounded number.

The reader thread takes items from the user's iterables and pickles them; the sender thread submits
whatever the reader has ready, so that the first input travels at once and later ones in batches;
the caller's thread takes outputs from a stream.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from burrow._client.calls import call_input, encode_arguments
from burrow._client.cancel_scope import current_scope
from burrow._client.ids import new_call_id, new_group_id
from burrow._client.patience import FULL_PATIENCE
from burrow._client.resumed_outputs import FirstSeen, in_order, resumed_outputs
from burrow.exception import Error, InfrastructureError, ResourceExhaustedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator

    from burrow._calling import CallTarget
    from burrow._client.stream import Stream

MAX_OUTSTANDING = 10000
BATCH_INPUTS = 256
BATCH_BYTES = 512 * 1024
# The pickled inputs that wait for the sender.
_MAX_READY = 4 * BATCH_INPUTS
_MAX_READY_BYTES = 16 * 1024 * 1024
_SUBMIT_TIMEOUT = 60.0
# How long a map that is given up waits for a request in flight.
_CANCEL_PATIENCE = 2.0


class _Abandoned(Exception):
    """The map is over; its threads end."""


class MapCall:
    """Calls of one function over many inputs. `results` may be called once."""

    def __init__(
        self,
        target: "CallTarget",
        name: str,
        inputs: "Iterable[Iterable[Any]]",
        kwargs: "dict[str, Any]",
    ) -> None:
        self._calls = target.calls
        self._function_id = target.function_id.encode("ascii")
        self._method = target.method
        self._name = name
        self._inputs = inputs
        self._kwargs = kwargs
        self._group_id = new_group_id()
        # Guards all that follows.
        self._changed = threading.Condition()
        self._ready: "deque[bytes]" = deque()
        self._ready_bytes = 0
        self._read = 0
        self._finished = 0
        self._read_all = False
        self._submitted = False
        self._closed = False
        self._abandoned = False
        self._unread = False  # nobody waits for outcomes, so that their number bounds nothing
        self._failure: "BaseException | None" = None
        self._stream: "Stream | None" = None

    def results(self, ordered: bool, return_exceptions: bool) -> "Iterator[Any]":
        """Yields values as `Function.map` promises; the calls start with the first next()."""
        self._start(self._read_inputs)
        sender = self._start(self._submit_inputs)
        scope = current_scope()
        if scope is not None:
            scope.add(self._cancel)
        complete = False
        try:
            results = self._unordered()
            for _, result in in_order(results) if ordered else results:
                try:
                    value = self._calls.outcome(result)
                except Exception as error:
                    if not return_exceptions:
                        raise
                    value = error
                yield value
            complete = True
        finally:
            self._abandon()
            if not complete:
                sender.join(_CANCEL_PATIENCE)  # inputs must not follow the cancellation
                if self._submitted:
                    self._calls.abandon({"groupId": self._group_id})

    def submit_all(self) -> "tuple[str, int]":
        """Queues every input, waits for no outcome, and returns the group's id and how many they are."""
        self._unread = True
        self._start(self._read_inputs)
        try:
            self._submit_inputs()
        except _Abandoned:
            self._raise_failure()
            raise
        finally:
            self._abandon()
        self._raise_failure()
        return self._group_id, self._read

    def _start(self, work: "Callable[[], None]") -> threading.Thread:
        thread = threading.Thread(target=self._guard, args=(work,), name="burrow-map", daemon=True)
        thread.start()
        return thread

    def _unordered(self) -> "Iterator[tuple[int, dict[str, Any]]]":
        """(index, CallResult message) in the order in which calls end, each index once."""
        with self._changed:
            while not (self._submitted or self._closed or self._failure):
                self._changed.wait(1.0)
            self._raise_failure()
            if not self._submitted:
                return
        outstanding = FirstSeen()
        try:
            for output in resumed_outputs(
                self._calls.transport, {"groupId": self._group_id}, self._opened, self._has_failed
            ):
                index, result = output.get("index", 0), output.get("result")
                if result is None or not outstanding.take(index):
                    continue
                with self._changed:
                    self._finished += 1
                    if self._finished % 64 == 0 or self._read - self._finished < 64:
                        self._changed.notify_all()
                if self._calls.observer is not None:
                    self._calls.observer(self._name, result)
                yield index, result
        except (Error, OSError):
            self._raise_failure()
            raise
        self._raise_failure()
        if self._finished < self._read:
            raise InfrastructureError(
                "The server ended the map after %d of %d results." % (self._finished, self._read)
            )

    def _opened(self, stream: "Stream") -> None:
        with self._changed:
            self._stream = stream
            if self._failure is not None:
                stream.close()

    def _is_over(self) -> bool:
        return self._abandoned or self._failure is not None

    def _has_failed(self) -> bool:
        return self._failure is not None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _abandon(self) -> None:
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def _cancel(self) -> None:
        try:
            self._calls.cancel({"groupId": self._group_id})
        except Exception:  # the caller is leaving already, with a reason of its own
            pass

    def _guard(self, work: "Callable[[], None]") -> None:
        """Runs one of the threads and hands its failure to the caller's thread."""
        try:
            work()
        except _Abandoned:
            pass
        except BaseException as error:
            with self._changed:
                self._failure = self._failure or error
                self._changed.notify_all()
                stream = self._stream
            if stream is not None:
                stream.close()

    def _read_inputs(self) -> None:
        for arguments in self._inputs:
            encoded = encode_arguments(
                tuple(arguments), self._kwargs, self._name, self._calls.blobs
            )
            with self._changed:
                while not self._has_room():
                    self._changed.wait(1.0)
                entry = call_input(new_call_id(), encoded, self._method, self._read)
                self._read += 1
                self._ready.append(entry)
                self._ready_bytes += len(entry)
                if len(self._ready) == 1:
                    self._changed.notify_all()
        with self._changed:
            self._read_all = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        if self._is_over():
            raise _Abandoned()
        return (
            (self._unread or self._read - self._finished < MAX_OUTSTANDING)
            and len(self._ready) < _MAX_READY
            and (not self._ready or self._ready_bytes < _MAX_READY_BYTES)
        )

    def _submit_inputs(self) -> None:
        while True:
            with self._changed:
                while not (self._ready or self._read_all or self._is_over()):
                    self._changed.wait(1.0)
                if self._is_over():
                    raise _Abandoned()
                batch = self._take_batch()
                last = self._read_all and not self._ready
            if batch or self._submitted or self._unread:
                self._submit(batch, last)
            with self._changed:
                self._submitted = self._submitted or bool(batch)
                self._closed = last
                self._changed.notify_all()
            if last:
                return

    def _take_batch(self) -> "list[bytes]":
        batch: "list[bytes]" = []
        size = 0
        while self._ready and len(batch) < BATCH_INPUTS:
            if batch and size + len(self._ready[0]) > BATCH_BYTES:
                break
            entry = self._ready.popleft()
            size += len(entry)
            batch.append(entry)
        self._ready_bytes -= size
        self._changed.notify_all()
        return batch

    def _submit(self, batch: "list[bytes]", last: bool) -> None:
        request = b'{"functionId":"%b","groupId":"%b","inputs":[%b],"closeGroup":%b}' % (
            self._function_id,
            self._group_id.encode("ascii"),
            b",".join(batch),
            b"true" if last else b"false",
        )
        give_up = time.monotonic() + FULL_PATIENCE
        pause = 0.05
        while True:
            try:
                self._calls.transport.unary_json("Calls/Submit", request, _SUBMIT_TIMEOUT)
                return
            except ResourceExhaustedError as error:
                if time.monotonic() > give_up:
                    raise
                pause = error.retry_after or pause
            with self._changed:
                if self._is_over():
                    raise _Abandoned()
                self._changed.wait(pause)
            pause = min(pause * 2, 2.0)
