"""One shell on the server: its output as it comes, its input in order."""

from __future__ import annotations

import base64
import threading

from burrow._client.errors import ServerUnavailable
from burrow._client.http_connection import AnswerTimeout, ConnectionLost
from burrow._client.stream import Stream
from burrow.exception import ConnectionError, Error, InfrastructureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Tuple

    from burrow._client.transport import Transport

_IDLE_TIMEOUT = 60.0  # the server is heard of more often
_TAKEN_STEP = 64 * 1024


class ShellStream:
    """Opens a shell when it is iterated, in one thread; its input may come from another one."""

    def __init__(self, transport: "Transport", request: "dict[str, Any]") -> None:
        self._transport = transport
        self._request = request
        self._id = ""
        self._opened = threading.Event()
        self._ended = False
        self._taken = self._told = 0
        self._sent = 0
        self.exit_code = 1
        self.out_of_memory = False

    def output(self) -> "Iterator[Tuple[int, bytes]]":
        """Yields (1 or 2, bytes) until the shell ends; asking for the next says that those before were written.

        Raises:
            ConnectionError: the server cannot be reached, or has gone.
            Error: what the server says.
        """
        try:
            for event in Stream(self._transport, "Shells/Open", self._request, _IDLE_TIMEOUT):
                if "waitsFor" in event:
                    yield 2, ("burrow: waiting for %s ...\r\n" % event["waitsFor"]).encode()
                elif "shellId" in event:
                    self._id = str(event["shellId"])
                    self._opened.set()
                elif "exit" in event:
                    self.exit_code = int(event["exit"].get("code", 0))
                    self.out_of_memory = bool(event["exit"].get("outOfMemory"))
                    return
                for field, number in (("output", 1), ("errorOutput", 2)):
                    if field in event:
                        data = base64.b64decode(event[field])
                        yield number, data
                        self._count(len(data))
            raise InfrastructureError(
                "The shell ended without an exit code: look at burrowd's log."
            )
        except (OSError, ConnectionLost, ServerUnavailable) as error:
            if not self._id or isinstance(error, (ServerUnavailable, AnswerTimeout)):
                raise self._transport.unreachable(error) from None
            raise ConnectionError(
                "The Burrow server at %s has gone, and the shell with it: look at burrowd's log."
                % self._transport.config.url
            ) from None
        finally:
            self._ended = True
            self._opened.set()

    def wait_until_open(self) -> bool:
        """False where it has ended already."""
        self._opened.wait()
        return not self._ended

    def send(self, data: bytes, end: bool = False) -> bool:
        """Sends all of it, however long the command does not read; False once the shell has ended."""
        while not self._ended:
            answer = self._input(
                offset=str(self._sent), data=base64.b64encode(data).decode("ascii"), end=end
            )
            if answer is None:
                return False
            received = int(answer.get("received", 0))
            data = data[received - self._sent :]
            self._sent = received
            if not data:
                return True
        return False

    def resize(self, rows: int, columns: int) -> None:
        """Tells the command of its terminal's size."""
        self._input(size={"rows": rows, "columns": columns})

    def _count(self, size: int) -> None:
        self._taken += size
        if self._taken - self._told >= _TAKEN_STEP:
            self._told = self._taken
            self._input(taken=str(self._taken))

    def _input(self, **fields: "Any") -> "dict[str, Any] | None":
        """The answer; None where the shell has ended, which the stream says, too."""
        try:
            request = {"shellId": self._id, **fields}
            answer: "dict[str, Any]" = self._transport.unary("Shells/Input", request)
            return answer
        except (Error, OSError):
            return None
