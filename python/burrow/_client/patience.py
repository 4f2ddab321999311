"""Waits as long as a server whose queue is full asks for."""

from __future__ import annotations

import time

from burrow.exception import ResourceExhaustedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, TypeVar

    T = TypeVar("T")

# How long a full queue on the server is waited for.
FULL_PATIENCE = 600.0
_MAX_PAUSE = 60.0


def when_there_is_room(
    send: "Callable[[], T]", sleep: "Callable[[float], None]" = time.sleep
) -> "T":
    """Sends a request, which must be one that may be repeated, until the server has room for it.

    Raises:
        ResourceExhaustedError: the server does not say when to come again, or has had no room for
            ten minutes.
    """
    waited = 0.0
    while True:
        try:
            return send()
        except ResourceExhaustedError as error:
            pause = error.retry_after
            if pause is None or waited + pause > FULL_PATIENCE:
                raise
        pause = min(pause, _MAX_PAUSE)
        waited += pause
        sleep(pause)
