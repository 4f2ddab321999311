"""The lines of Apps/Logs as one sequence, also across a restart of the server."""

from __future__ import annotations

import time
from collections import Counter, deque

from burrow._client.errors import ServerUnavailable
from burrow._client.http_connection import ConnectionLost
from burrow._client.stream import Stream
from burrow._client.transport import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    from burrow._client.transport import Transport

_FOLLOW_TIMEOUT = 7 * 86400.0
_PAUSE = 0.1
_SAID_AFTER = 3.0
# Workers send what containers print a little late, and one earlier than another.
_OVERLAP_MS = 10_000
_MAX_SEEN = 100_000


def followed_logs(
    transport: "Transport", request: "dict[str, Any]", note: "Callable[[str], None]"
) -> "Iterator[dict[str, Any]]":
    """Yields the LogLine messages of a LogsRequest that follows, each once, until the app ends.

    Args:
        note: told, once for each time that the server is away, that it is waited for.

    Raises:
        ConnectionError: the server cannot be reached, or stays away for longer than a restart takes.
    """
    seen = _Seen()
    reached, lost_since, said = False, 0.0, False
    while True:
        stream: "Stream | None" = None
        try:
            stream = Stream(transport, "Apps/Logs", seen.resume(request), _FOLLOW_TIMEOUT)
            for response in stream:
                reached, lost_since, said = True, 0.0, False
                yield from filter(seen.take, response.get("lines", ()))
            return
        except (OSError, ConnectionLost, ServerUnavailable) as error:
            now = time.monotonic()
            lost_since = lost_since or now
            reached = reached or stream is not None
            if not reached or now - lost_since > PATIENCE:
                raise transport.unreachable(error) from None
            if now - lost_since > _SAID_AFTER and not said:
                said = True
                left = PATIENCE - _SAID_AFTER
                where = transport.config.url
                note("the server at %s does not answer: trying for another %d s" % (where, left))
        finally:
            if stream is not None:
                stream.close()
        time.sleep(_PAUSE)


class _Seen:
    """The lines of the last seconds, by which those that come again are known."""

    def __init__(self) -> None:
        self._lines: "deque[tuple[int, str]]" = deque(maxlen=_MAX_SEEN)
        self._latest = 0
        self._again: "Counter[tuple[int, str]]" = Counter()

    def resume(self, request: "dict[str, Any]") -> "dict[str, Any]":
        """The request that asks for what comes after the lines that have been taken."""
        if not self._lines:
            return request
        since = max(0, self._latest - _OVERLAP_MS)
        self._again = Counter(line for line in self._lines if line[0] >= since)
        return dict(request, tail=0, sinceMs=str(since))

    def take(self, line: "dict[str, Any]") -> bool:
        """Whether the line is new."""
        at = int(line.get("timeMs", 0))
        key = (at, repr(sorted(line.items())))
        if self._again[key] > 0:
            self._again[key] -= 1
            return False
        self._latest = max(self._latest, at)
        self._lines.append(key)
        while self._lines[0][0] < self._latest - _OVERLAP_MS:
            self._lines.popleft()
        return True
