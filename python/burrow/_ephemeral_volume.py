"""`with burrow.Volume.ephemeral() as volume:`"""

from __future__ import annotations

import secrets
import time

from burrow.exception import AuthError, ConnectionError, Error
from burrow.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

# How long the last containers that have it may take to end.
_PATIENCE = 30.0


class EphemeralVolume:
    """One block; to be entered once."""

    def __init__(self) -> None:
        self._volume = Volume("ephemeral-" + secrets.token_hex(8), True)

    def __enter__(self) -> Volume:
        return self._volume.hydrate()

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> None:
        give_up = time.monotonic() + _PATIENCE
        pause = 0.05
        while True:
            try:
                return self._volume._client().delete(self._volume.object_id)
            except Error as refusal:  # a container has it, and changes it, until it has stopped
                if isinstance(refusal, (AuthError, ConnectionError)) or time.monotonic() > give_up:
                    if error is None:  # what went wrong first is what the user should see
                        raise
                    return None
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    async def __aenter__(self) -> Volume:
        from burrow._client.async_bridge import call

        volume: Volume = await call(self.__enter__, (), {})
        return volume

    async def __aexit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> None:
        from burrow._client.async_bridge import call

        await call(self.__exit__, (kind, error, traceback), {})
