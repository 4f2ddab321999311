"""What calls return and yield, as bytes."""

from __future__ import annotations

from burrow import _serialization
from burrow._runner.frames import MAX_BODY_BYTES
from burrow.exception import SerializationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

RETURNED = "the value that the function returned"
YIELDED = "an item that the function yielded"


def pickle_value(value: Any, what: str) -> bytes:
    """The bytes of a value; `what` names it in errors. Raises SerializationError."""
    if value is None:
        return _serialization.NONE
    body: bytes = _serialization.dumps(value, what=what, carry=False)
    if len(body) > MAX_BODY_BYTES:
        raise SerializationError(
            "%s is %d MiB when pickled, and at most %d MiB can be sent: "
            "return less, or yield it in parts from a generator"
            % (what, len(body) >> 20, MAX_BODY_BYTES >> 20)
        )
    return body


async def send_async_items(items: Any, send: "Callable[[int, bytes], None]") -> None:
    """Calls `send` with the number and the bytes of each item, and closes the generator."""
    index = 0
    try:
        async for item in items:
            send(index, pickle_value(item, YIELDED))
            index += 1
    finally:
        await items.aclose()
