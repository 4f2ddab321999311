"""Calls that run while their caller does something else."""

from __future__ import annotations

from burrow._options import check_number
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._client.calls import CallClient


class FunctionCall:
    """One spawned call. It survives the client and a restart of the server.

    Example:
        call = square.spawn(12)
        print(call.object_id, call.get(timeout=60))
    """

    __slots__ = ("object_id", "_client")

    def __init__(self, object_id: str, client: "CallClient | None" = None) -> None:
        self.object_id = object_id
        self._client = client

    @staticmethod
    def from_id(object_id: str) -> "FunctionCall":
        """The call of that id, also of another process. Does not ask the server yet.

        Raises:
            InvalidError: this is no id of a call.
        """
        if not isinstance(object_id, str) or not object_id.startswith("fc-"):
            raise InvalidError("%r is no id of a call; they start with 'fc-'." % (object_id,))
        return FunctionCall(object_id)

    def get(self, timeout: "float | None" = None) -> "Any":
        """Waits for the outcome: returns the function's value or raises what it raised.

        Args:
            timeout: seconds to wait at most; None waits as long as the call may run.

        Raises:
            TimeoutError: the call has not ended yet; it goes on.
            NotFoundError: the server does not know the call.
        """
        if timeout is not None:
            timeout = check_number("timeout", timeout, 0, 365 * 86400, "s")
        return self._connected().get(self.object_id, timeout)

    def cancel(self) -> None:
        """Cancels the call; one that has ended stays as it is."""
        self._connected().cancel({"callId": self.object_id})

    def _connected(self) -> "CallClient":
        if self._client is None:
            from burrow._client.calls import default_call_client

            self._client = default_call_client()
        return self._client

    def __repr__(self) -> str:
        return "FunctionCall.from_id(%r)" % self.object_id

    def __reduce__(self) -> "tuple[Any, ...]":
        return FunctionCall, (self.object_id,)
