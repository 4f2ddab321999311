"""The outcomes of a call or a group as one sequence, also across lost connections."""

from __future__ import annotations

import time

from burrow._client.errors import ServerUnavailable
from burrow._client.http_connection import AnswerTimeout, ConnectionLost
from burrow._client.stream import Stream
from burrow._client.transport import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    from burrow._client.transport import Transport

# A stream that has been silent this long is opened anew: it may be dead, and resuming costs little.
_IDLE_TIMEOUT = 60.0


def resumed_outputs(
    transport: "Transport",
    target: "dict[str, str]",
    opened: "Callable[[Stream], None]" = lambda stream: None,
    is_over: "Callable[[], bool]" = lambda: False,
    until: "float | None" = None,
) -> "Iterator[dict[str, Any]]":
    """Yields each Output message of {"callId": ...} or {"groupId": ...} once.

    Args:
        opened: told of each stream that is opened, so that another thread can close it.
        is_over: asked before a stream is opened; the sequence ends where it says so.
        until: when it ends at the latest, by time.monotonic().

    Raises:
        ConnectionError: the server stayed away for longer than it takes to restart it.
    """
    cursor = 0
    lost_since = 0.0
    pause = 0.02
    while not is_over() and (until is None or time.monotonic() < until):
        stream: "Stream | None" = None
        try:
            message = dict(target, cursor=str(cursor))
            stream = Stream(transport, "Calls/Outputs", message, _idle_timeout(until))
            opened(stream)
            for response in stream:
                lost_since, pause = 0.0, 0.02
                stream.idle_timeout = _idle_timeout(until)
                yield from response.get("outputs", ())
                cursor = int(response.get("cursor", cursor))
            return
        except AnswerTimeout:
            continue
        except (OSError, ConnectionLost, ServerUnavailable) as error:
            now = time.monotonic()
            lost_since = lost_since or now
            if now - lost_since > PATIENCE:
                raise transport.unreachable(error) from None
        finally:
            if stream is not None:
                stream.close()
        time.sleep(pause)
        pause = min(pause * 2, 1.0)


def _idle_timeout(until: "float | None") -> float:
    left = _IDLE_TIMEOUT if until is None else until - time.monotonic()
    return max(0.001, min(left, _IDLE_TIMEOUT))


class FirstSeen:
    """Which indices have been seen, in little memory: all below a floor, and a few above."""

    def __init__(self) -> None:
        self._floor = 0
        self._above: "set[int]" = set()

    def take(self, index: int) -> bool:
        """Whether the index is new; it is not from now on."""
        if index < self._floor or index in self._above:
            return False
        self._above.add(index)
        while self._floor in self._above:
            self._above.remove(self._floor)
            self._floor += 1
        return True


def in_order(
    results: "Iterator[tuple[int, dict[str, Any]]]", expected: int = 0
) -> "Iterator[tuple[int, dict[str, Any]]]":
    """Yields what comes in any order by ascending index, from the one that is expected first."""
    early: "dict[int, dict[str, Any]]" = {}
    for index, result in results:
        if index >= expected:
            early[index] = result
        while expected in early:
            yield expected, early.pop(expected)
            expected += 1


def once_each(outputs: "Iterator[dict[str, Any]]") -> "Iterator[dict[str, Any]]":
    """The outputs of one call, each item once: an attempt after a lost container yields from the start again."""
    next_item = 0
    for output in outputs:
        if "item" in output:
            if output.get("itemIndex", 0) != next_item:
                continue
            next_item += 1
        yield output
