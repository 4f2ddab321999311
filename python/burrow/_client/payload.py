"""Payloads: pickled bytes that travel inline up to 1 MiB and as a blob beyond."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from burrow import _serialization
from burrow.exception import SerializationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping, Protocol

    from burrow._client.blobs import BlobClient

    class Uploader(Protocol):
        """Where large payloads go."""

        def upload_bytes(self, data: bytes) -> str:
            """Makes sure that the server will have `data`; returns its digest."""


MAX_INLINE = 1024 * 1024
# Bounded by what a runner takes in one frame.
MAX_PAYLOAD = 2 << 30


def dump_arguments(
    args: "tuple[Any, ...]",
    kwargs: "dict[str, Any]",
    name: str,
    dumps: "Callable[..., bytes]" = _serialization.dumps,
) -> bytes:
    """Pickles the arguments of a call of the function `name`.

    Args:
        dumps: as _serialization.dumps.

    Raises:
        SerializationError: names the argument that cannot be pickled, and its type.
    """
    try:
        return dumps((args, kwargs), what="an argument of %s()" % name)
    except SerializationError:
        for position, value in enumerate(args, 1):
            _serialization.dumps(value, what=_described(str(position), value, name))
        for keyword, value in kwargs.items():
            _serialization.dumps(value, what=_described(keyword, value, name))
        raise


def _described(argument: str, value: "Any", name: str) -> str:
    kind = type(value)
    home = "" if kind.__module__ in ("builtins", "__main__") else kind.__module__ + "."
    return "argument %s of %s(), a %s%s," % (argument, name, home, kind.__qualname__)


def encode_json(data: bytes, blobs: "Uploader") -> bytes:
    """The payload message as JSON text; uploads data that is too large to travel inline."""
    if len(data) <= MAX_INLINE:
        return b'{"inline":"%b"}' % b2a_base64(data, newline=False)
    if len(data) > MAX_PAYLOAD:
        raise SerializationError(
            "The arguments pickle to %d MiB, more than the %d MiB that one call may carry: "
            "put large data into the image or let the function fetch it."
            % (len(data) >> 20, MAX_PAYLOAD >> 20)
        )
    return b'{"digest":"%b"}' % blobs.upload_bytes(data).encode("ascii")


def decode(payload: "Mapping[str, str]", blobs: "BlobClient") -> bytes:
    """The bytes of a payload message; fetches what did not travel inline."""
    digest = payload.get("digest")
    if digest:
        return blobs.fetch(digest, MAX_PAYLOAD)
    return a2b_base64(payload.get("inline", ""))
