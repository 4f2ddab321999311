"""Single calls: invoked and awaited, spawned, or streamed from a generator."""

from __future__ import annotations

import time
from binascii import a2b_base64

from burrow import _serialization
from burrow._client import payload
from burrow._client.blobs import BlobClient
from burrow._client.cancel_scope import current_scope
from burrow._client.class_spec import parameters
from burrow._client.ids import new_call_id
from burrow._client.patience import when_there_is_room
from burrow._client.resumed_outputs import once_each, resumed_outputs
from burrow.exception import (
    CancelledError,
    InfrastructureError,
    NotFoundError,
    OutputExpiredError,
    RequestSizeError,
    TimeoutError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, NoReturn

    from burrow._client.transport import Transport

    # Told of each finished call: function name and CallResult message.
    Observer = Callable[[str, dict[str, Any]], None]

# How long the server holds a request open while its call runs, and how long its answer may take.
WAIT_MS = 50000
_WAIT_TIMEOUT = WAIT_MS / 1000 + 15.0
_PENDING = ("CALL_STATUS_PENDING", 0)
# The same for a thread that must notice when nobody waits for it any more.
_SCOPED_WAIT_MS = 2000
_BOUND_FOR = 3600.0
# How often a call that the server forgot, because it restarted, is invoked again.
_MAX_REINVOCATIONS = 8


class CallClient:
    """Calls of the functions behind one transport. May be used from any thread.

    Args:
        detached: calls are stored, and go on when their caller leaves.
    """

    def __init__(
        self, transport: "Transport", observer: "Observer | None" = None, detached: bool = False
    ) -> None:
        self.transport = transport
        self.detached = detached
        self.blobs = BlobClient(transport)
        self.observer = observer
        self._bound: "dict[tuple[str, str], tuple[str, float]]" = {}

    def bind(
        self, function_id: str, values: "dict[str, Any]", overrides: "dict[str, Any] | None" = None
    ) -> str:
        """The id of a function's variant with these parameters of a class, and changed options."""
        message: "dict[str, Any]" = {"functionId": function_id, "parameters": parameters(values)}
        if overrides:
            from burrow._overrides import with_mounts

            message["overrides"] = with_mounts(overrides)
        key = (function_id, repr(message))
        known, bound_at = self._bound.get(key, ("", 0.0))
        # The server forgets variants that nobody has bound or called for a day.
        if not known or abs(time.time() - bound_at) > _BOUND_FOR:
            known = self.transport.unary("Apps/Bind", message)["functionId"]
            self._bound[key] = (known, time.time())
        return known

    def invoke(
        self,
        function_id: str,
        name: str,
        args: "tuple[Any, ...]",
        kwargs: "dict[str, Any]",
        method: str = "",
    ) -> "Any":
        """Runs one call and returns its value or raises what it raised."""
        if self.detached:
            return self._invoke_stored(function_id, name, args, kwargs, method)
        call_id = new_call_id()
        arguments = encode_arguments(args, kwargs, name, self.blobs)
        request = b'{"functionId":"%b","input":%b,"waitMs":%d}' % (
            function_id.encode("ascii"),
            call_input(call_id, arguments, method),
            WAIT_MS,
        )
        self._cancel_with_scope(call_id)
        try:
            result = when_there_is_room(
                lambda: self.transport.unary_json("Calls/Invoke", request, _WAIT_TIMEOUT)
            )
            if result.get("status", 0) in _PENDING:
                result = self._wait_invoked(call_id, request)
        except KeyboardInterrupt:
            self.abandon({"callId": call_id})
            raise
        if self.observer is not None:
            self.observer(name, result)
        return self.outcome(result)

    def _invoke_stored(
        self,
        function_id: str,
        name: str,
        args: "tuple[Any, ...]",
        kwargs: "dict[str, Any]",
        method: str,
    ) -> "Any":
        call_id = self.spawn(function_id, name, args, kwargs, method)
        self._cancel_with_scope(call_id)
        result = self._ended(call_id, None)
        if self.observer is not None:
            self.observer(name, result)
        return self.outcome(result)

    def _wait_invoked(self, call_id: str, request: bytes) -> "dict[str, Any]":
        reinvocations = 0
        while True:
            try:
                result = self._wait_once(call_id, WAIT_MS)
            except NotFoundError:
                # Invoked calls are not stored: a server that restarted takes it as a new one.
                reinvocations += 1
                if reinvocations > _MAX_REINVOCATIONS:
                    raise InfrastructureError(
                        "The server lost the call %d times: look at burrowd's log." % reinvocations
                    ) from None
                result = self.transport.unary_json("Calls/Invoke", request, _WAIT_TIMEOUT)
            if result.get("status", 0) not in _PENDING:
                return result

    def _wait_once(self, call_id: str, wait_ms: int) -> "dict[str, Any]":
        message = {"callId": call_id, "waitMs": wait_ms}
        answer = self.transport.unary("Calls/Wait", message, wait_ms / 1000 + 15.0)
        return answer  # type: ignore[no-any-return]

    def spawn(
        self,
        function_id: str,
        name: str,
        args: "tuple[Any, ...]",
        kwargs: "dict[str, Any]",
        method: str = "",
    ) -> str:
        """Queues one call and returns its id once it is stored."""
        call_id = new_call_id()
        arguments = encode_arguments(args, kwargs, name, self.blobs)
        request = b'{"functionId":"%b","inputs":[%b],"closeGroup":true}' % (
            function_id.encode("ascii"),
            call_input(call_id, arguments, method),
        )
        when_there_is_room(lambda: self.transport.unary_json("Calls/Submit", request))
        return call_id

    def get(self, call_id: str, timeout: "float | None") -> "Any":
        """Waits for a spawned call.

        Raises:
            TimeoutError: it has not ended after `timeout` seconds.
            OutputExpiredError: the server knows no such call (any more).
        """
        try:
            result = self._ended(call_id, timeout)
        except NotFoundError as error:
            raise OutputExpiredError(str(error)) from None
        return self.outcome(result)

    def _ended(self, call_id: str, timeout: "float | None") -> "dict[str, Any]":
        """Its CallResult message."""
        give_up = None if timeout is None else time.monotonic() + timeout
        scope = current_scope()
        longest = WAIT_MS if scope is None else _SCOPED_WAIT_MS
        while True:
            wait_ms = longest
            if give_up is not None:
                wait_ms = max(0, min(longest, int((give_up - time.monotonic()) * 1000)))
            result = self._wait_once(call_id, wait_ms)
            if result.get("status", 0) not in _PENDING:
                return result
            if scope is not None and scope.cancelled:
                raise CancelledError("Nobody waits for the call %s any more." % call_id)
            if give_up is not None and time.monotonic() >= give_up:
                raise TimeoutError(
                    "The call %s has not ended after %g s: it goes on, call get() again later."
                    % (call_id, timeout or 0)
                )

    def cancel(self, target: "dict[str, str]") -> None:
        """Cancels {"callId": ...} or {"groupId": ...}."""
        self.transport.unary("Calls/Cancel", target)

    def generate(
        self,
        function_id: str,
        name: str,
        args: "tuple[Any, ...]",
        kwargs: "dict[str, Any]",
        method: str = "",
    ) -> "Iterator[Any]":
        """Runs a generator remotely and yields its items as they come."""
        call_id = self.spawn(function_id, name, args, kwargs, method)
        self._cancel_with_scope(call_id)
        ended = False
        try:
            for output in once_each(resumed_outputs(self.transport, {"callId": call_id})):
                if "item" in output:
                    yield self.load(output["item"])
                elif "result" in output:
                    ended = True
                    if self.observer is not None:
                        self.observer(name, output["result"])
                    if output["result"].get("status") != "CALL_STATUS_SUCCESS":
                        self.raise_error(output["result"])
                    return
            ended = True
            raise InfrastructureError("The call %s ended without a result." % call_id)
        finally:
            if not ended:
                self.abandon({"callId": call_id})

    def _cancel_with_scope(self, call_id: str) -> None:
        """Cancels the call where the task that waits for it in an event loop is cancelled."""
        scope = current_scope()
        if scope is not None:
            scope.add(lambda: self.cancel({"callId": call_id}))

    def abandon(self, target: "dict[str, str]") -> None:
        """Cancels what its caller does not wait for any more, unless that was to go on."""
        if self.detached:
            return
        try:
            self.cancel(target)
        except Exception:  # the caller is leaving already, with a reason of its own
            pass

    def outcome(self, result: "dict[str, Any]") -> "Any":
        """The value of a finished call, or its exception raised here."""
        if result.get("status") != "CALL_STATUS_SUCCESS":
            self.raise_error(result)
        value = result.get("value")
        if value is None:
            return None
        inline = value.get("inline")
        return _serialization.loads(
            a2b_base64(inline) if inline else payload.decode(value, self.blobs)
        )

    def load(self, message: "dict[str, str]") -> "Any":
        """The object in a payload message."""
        return _serialization.loads(payload.decode(message, self.blobs))

    def raise_error(self, result: "dict[str, Any]") -> "NoReturn":
        """Raises what a call failed with, as if it had happened here."""
        error = result.get("error") or {}
        pickled = error.get("pickled")
        data = payload.decode(pickled, self.blobs) if pickled else None
        _serialization.raise_remote(error, data, str(result.get("status", "")))


def encode_arguments(
    args: "tuple[Any, ...]", kwargs: "dict[str, Any]", name: str, blobs: BlobClient
) -> bytes:
    """The arguments of a call of the function `name` as a payload message in JSON.

    Raises:
        SerializationError: one cannot be pickled.
        RequestSizeError: together they are larger than what a call may carry.
    """
    data = payload.dump_arguments(args, kwargs, name)
    if len(data) > payload.MAX_PAYLOAD:
        raise RequestSizeError(
            "The arguments of %s() pickle to %d MiB, more than the %d MiB that one call may carry: "
            "put large data into a volume or the image, or let the function fetch it."
            % (name, len(data) >> 20, payload.MAX_PAYLOAD >> 20)
        )
    return payload.encode_json(data, blobs)


def call_input(call_id: str, arguments: bytes, method: str, index: int = 0) -> bytes:
    """A CallInput in JSON; `arguments` are its payload in JSON."""
    last = b',"method":"%b"' % method.encode("utf-8") if method else b""
    return b'{"callId":"%b","index":%d,"arguments":%b%b}' % (
        call_id.encode("ascii"),
        index,
        arguments,
        last,
    )


def default_call_client() -> CallClient:
    """A client for the configured server; in a container always the same one."""
    from burrow._client.config import load_config
    from burrow._client.transport import Transport

    global _of_container
    config = load_config()
    if not config.socket:
        return CallClient(Transport(config))
    if _of_container is None:
        _of_container = CallClient(Transport(config))
    return _of_container


_of_container: "CallClient | None" = None
