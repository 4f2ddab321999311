"""Outcomes of calls that were spawned before, perhaps by another process."""

from __future__ import annotations

import time
from itertools import islice

from burrow._client.cancel_scope import current_scope
from burrow._client.resumed_outputs import FirstSeen, in_order, once_each, resumed_outputs
from burrow.exception import NotFoundError, OutputExpiredError, TimeoutError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    from burrow._client.calls import CallClient

# What has ended is told at once, and nothing tells that the rest has not: silence for so many seconds does.
_LEAST_WAIT = 1.0


def get_of_group(calls: "CallClient", group_id: str, timeout: "float | None", index: int) -> "Any":
    """Waits for one call of a group: its value, or what it raised.

    Raises:
        TimeoutError: it has not ended after `timeout` seconds.
        NotFoundError: the group has no such index.
        OutputExpiredError: the server does not know the group (any more).
    """
    until = None if timeout is None else time.monotonic() + max(timeout, _LEAST_WAIT)
    scope = current_scope()

    def is_over() -> bool:
        return scope is not None and scope.cancelled

    for output in _outputs(calls, {"groupId": group_id}, is_over, until):
        if output.get("index", 0) == index and "result" in output:
            return calls.outcome(output["result"])
    if is_over() or (until is not None and time.monotonic() >= until):
        raise TimeoutError(
            "Call %d of %s has not ended after %g s: it goes on, call get() again later."
            % (index, group_id, timeout or 0)
        )
    raise NotFoundError("The calls %s have no index %d." % (group_id, index))


def values_of_group(
    calls: "CallClient",
    group_id: str,
    return_exceptions: bool,
    start: int = 0,
    end: "int | None" = None,
) -> "Iterator[Any]":
    """Yields the values of a group's calls from index `start` up to `end` in the order of their inputs."""
    if end is not None and start >= end:
        return
    for index, result in in_order(_results(calls, group_id), start):
        yield _value(calls, result, return_exceptions)
        if index + 1 == end:
            return


def count_of_group(calls: "CallClient", group_id: str) -> int:
    """How many calls a group has, once all have ended."""
    return sum(1 for _ in _results(calls, group_id))


def items_of_call(
    calls: "CallClient",
    call_id: str,
    return_exceptions: bool,
    start: int = 0,
    end: "int | None" = None,
) -> "Iterator[Any]":
    """Yields what a generator yielded, or the one value of another function; a part of it, if so asked."""
    return islice(_all_items(calls, call_id, return_exceptions), start, end)


def _all_items(calls: "CallClient", call_id: str, return_exceptions: bool) -> "Iterator[Any]":
    yielded = False
    for output in once_each(_outputs(calls, {"callId": call_id})):
        if "item" in output:
            yielded = True
            yield calls.load(output["item"])
        elif "result" in output:
            value = _value(calls, output["result"], return_exceptions)
            if not yielded or isinstance(value, Exception):
                yield value
            return


def _results(calls: "CallClient", group_id: str) -> "Iterator[tuple[int, dict[str, Any]]]":
    seen = FirstSeen()
    for output in _outputs(calls, {"groupId": group_id}):
        index, result = output.get("index", 0), output.get("result")
        if result is not None and seen.take(index):
            yield index, result


def _outputs(
    calls: "CallClient",
    target: "dict[str, str]",
    is_over: "Callable[[], bool]" = lambda: False,
    until: "float | None" = None,
) -> "Iterator[dict[str, Any]]":
    try:
        yield from resumed_outputs(calls.transport, target, is_over=is_over, until=until)
    except NotFoundError as error:
        raise OutputExpiredError(str(error)) from None


def _value(calls: "CallClient", result: "dict[str, Any]", return_exceptions: bool) -> "Any":
    try:
        return calls.outcome(result)
    except Exception as error:
        if not return_exceptions:
            raise
        return error
