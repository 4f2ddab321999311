"""Calls that run while their caller does something else."""

from __future__ import annotations

from burrow._aio import static_with_aio, with_aio, with_async_iterator
from burrow._options import check_count, check_flag, check_number
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from burrow._client.calls import CallClient

_MAX_INDEX = (1 << 32) - 1


class FunctionCall:
    """A spawned call, or the calls of one spawn_map(). It survives the client and a restart of the server.

    Example:
        call = square.spawn(12)
        print(call.object_id, call.get(timeout=60))
    """

    __slots__ = ("object_id", "_client", "_inputs")

    def __init__(
        self, object_id: str, client: "CallClient | None" = None, inputs: "int | None" = None
    ) -> None:
        """`inputs`: how many calls these are; None where that is not known."""
        self.object_id = object_id
        self._client = client
        self._inputs = inputs

    @static_with_aio
    def from_id(object_id: str) -> "FunctionCall":  # type: ignore[misc]
        """The call of that id, also of another process. Does not ask the server yet.

        Raises:
            InvalidError: this is no id of a call.
        """
        if not isinstance(object_id, str) or not object_id.startswith(("fc-", "fg-")):
            raise InvalidError("%r is no id of a call; they start with 'fc-'." % (object_id,))
        return FunctionCall(object_id)

    @with_aio
    def get(self, timeout: "float | None" = None, *, index: int = 0) -> "Any":
        """Waits for the outcome: returns the function's value or raises what it raised.

        Args:
            timeout: seconds to wait at most; None waits as long as the call may run.
            index: which of the calls of a spawn_map().

        Raises:
            TimeoutError: the call has not ended yet; it goes on.
            OutputExpiredError: the server does not know the call (any more): results are kept for
                7 days. It is a TimeoutError and a NotFoundError, too.
        """
        if timeout is not None:
            timeout = check_number("timeout", timeout, 0, 365 * 86400, "s")
        if self._is_group:
            from burrow._client.spawned import get_of_group

            position = check_count("index", index, 0, _MAX_INDEX)
            return get_of_group(self._connected(), self.object_id, timeout, position)
        if index != 0:
            raise InvalidError("One spawned call has one result: index must be 0.")
        return self._connected().get(self.object_id, timeout)

    @with_async_iterator
    def iter(
        self, *, start: int = 0, end: "int | None" = None, return_exceptions: bool = False
    ) -> "Iterator[Any]":
        """Yields the values of a spawn_map() in the order of its inputs, or of one call.

        Args:
            start: the first index.
            end: the index before which it ends; None: after the last.
            return_exceptions: yield an exception in the place of its value instead of raising it.

        Example:
            assert list(square.spawn_map(range(9)).iter(start=2, end=4)) == [4, 9]
        """
        from burrow._client.spawned import items_of_call, values_of_group

        check_count("start", start, 0, _MAX_INDEX)
        if end is not None:
            check_count("end", end, 0, _MAX_INDEX)
        values = values_of_group if self._is_group else items_of_call
        return values(self._connected(), self.object_id, return_exceptions, start, end)

    @with_aio
    def num_inputs(self) -> int:
        """How many calls these are: one, or those of a spawn_map().

        Those of a spawn_map() of another process are counted as they end, which takes until the last.
        """
        if self._inputs is None:
            from burrow._client.spawned import count_of_group

            known = not self._is_group
            self._inputs = 1 if known else count_of_group(self._connected(), self.object_id)
        return self._inputs

    @with_aio
    def hydrate(self) -> "FunctionCall":
        """Returns this call, whose id is all that it needs."""
        return self

    @with_aio
    def cancel(self, terminate_containers: bool = False) -> None:
        """Cancels the call; one that has ended stays as it is.

        Args:
            terminate_containers: changes nothing: a container that has not ended a cancelled call
                after some seconds is always killed.
        """
        check_flag("terminate_containers", terminate_containers)
        target = "groupId" if self._is_group else "callId"
        self._connected().cancel({target: self.object_id})

    @static_with_aio
    def gather(*calls: "FunctionCall") -> "list[Any]":  # type: ignore[misc]
        """Waits for all of the calls; gives their values, or raises what the first to fail raised.

        Example:
            one, two = burrow.FunctionCall.gather(square.spawn(1), square.spawn(2))
        """
        from burrow._client.gather import gather

        for call in calls:
            if not isinstance(call, FunctionCall):
                raise InvalidError("gather() takes FunctionCalls, not %r." % (call,))
        return gather(list(calls))

    @property
    def _is_group(self) -> bool:
        return self.object_id.startswith("fg-")

    def _connected(self) -> "CallClient":
        if self._client is None:
            from burrow._client.calls import default_call_client

            self._client = default_call_client()
        return self._client

    def __repr__(self) -> str:
        return "FunctionCall.from_id(%r)" % self.object_id

    def __reduce__(self) -> "tuple[Any, ...]":
        return FunctionCall, (self.object_id, None, self._inputs)
