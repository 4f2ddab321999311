"""Follows a running app in a thread: its log lines and containers, which also keeps it alive."""

from __future__ import annotations

import threading
import time

from burrow._client.errors import ServerUnavailable
from burrow._client.http_connection import ConnectionLost
from burrow._client.stream import Stream
from burrow._client.transport import PATIENCE
from burrow.exception import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from burrow._client.reporter import Reporter
    from burrow._client.transport import Transport

_SAID_AFTER = 2.0  # seconds without the server
_IDLE_TIMEOUT = 7 * 86400.0  # a dead peer is noticed by TCP's keep-alive probes


class Watcher:
    """Feeds a reporter from Apps/Watch until the stream ends; then its thread calls `on_end`."""

    def __init__(
        self,
        transport: "Transport",
        app_id: str,
        reporter: "Reporter",
        on_end: "Callable[[], None] | None" = None,
    ) -> None:
        self._transport = transport
        self._app_id = app_id
        self._reporter = reporter
        self._on_end = on_end
        self._leaving = False
        self._stream: "Stream | None" = None
        self._thread = threading.Thread(target=self._run, name="burrow-watch", daemon=True)
        # Opened here, so that the server has the watcher before the first container prints.
        self._open()
        self._thread.start()

    def finish(self, timeout: float) -> bool:
        """Waits until the stream has ended by itself; after `timeout` seconds cuts it off.

        Returns whether it ended by itself.
        """
        self._leaving = True
        self._thread.join(timeout)
        ended = not self._thread.is_alive()
        stream = self._stream
        if not ended and stream is not None:
            stream.close()
            self._thread.join(1.0)
        return ended

    def _open(self) -> None:
        try:
            self._stream = Stream(
                self._transport, "Apps/Watch", {"appId": self._app_id}, _IDLE_TIMEOUT
            )
        except (OSError, ConnectionLost) as error:
            raise self._transport.unreachable(error) from None

    def _run(self) -> None:
        self._follow()
        if self._on_end is not None:
            self._on_end()

    def _follow(self) -> None:
        lost_since, said = 0.0, False
        while True:
            try:
                if self._stream is None:
                    self._open()
                assert self._stream is not None
                for event in self._stream:
                    lost_since, said = 0.0, False
                    self._dispatch(event)
                return
            except (ConnectionLost, ServerUnavailable, Error):
                now = time.monotonic()
                lost_since = lost_since or now
                if self._leaving or now - lost_since > PATIENCE:
                    return
                if now - lost_since > _SAID_AFTER and not said:
                    said = True
                    self._reporter.note(
                        "the server at %s does not answer: trying for another %d s"
                        % (self._transport.config.url, PATIENCE - _SAID_AFTER)
                    )
            self._stream = None
            time.sleep(0.1)

    def _dispatch(self, event: "dict[str, dict[str, object]]") -> None:
        if "log" in event:
            self._reporter.log(event["log"])
        elif "container" in event:
            self._reporter.container(event["container"])
