"""The outcomes of a call or a group as one sequence, also across lost connections."""

from __future__ import annotations

import time

from burrow._client.errors import ServerUnavailable
from burrow._client.http_connection import AnswerTimeout, ConnectionLost
from burrow._client.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    from burrow._client.transport import Transport

# A stream that has been silent this long is opened anew: it may be dead, and resuming costs little.
_IDLE_TIMEOUT = 60.0
_PATIENCE = 20.0


def resumed_outputs(
    transport: "Transport",
    target: "dict[str, str]",
    opened: "Callable[[Stream], None]" = lambda stream: None,
    is_over: "Callable[[], bool]" = lambda: False,
) -> "Iterator[dict[str, Any]]":
    """Yields each Output message of {"callId": ...} or {"groupId": ...} once.

    Args:
        opened: told of each stream that is opened, so that another thread can close it.
        is_over: asked before a stream is opened; the sequence ends where it says so.

    Raises:
        ConnectionError: the server stayed away for longer than it takes to restart it.
    """
    cursor = 0
    lost_since = 0.0
    pause = 0.02
    while not is_over():
        stream: "Stream | None" = None
        try:
            stream = Stream(
                transport, "Calls/Outputs", dict(target, cursor=str(cursor)), _IDLE_TIMEOUT
            )
            opened(stream)
            for response in stream:
                lost_since, pause = 0.0, 0.02
                yield from response.get("outputs", ())
                cursor = int(response.get("cursor", cursor))
            return
        except AnswerTimeout:
            continue
        except (OSError, ConnectionLost, ServerUnavailable) as error:
            now = time.monotonic()
            lost_since = lost_since or now
            if now - lost_since > _PATIENCE:
                raise transport.unreachable(error) from None
        finally:
            if stream is not None:
                stream.close()
        time.sleep(pause)
        pause = min(pause * 2, 1.0)
