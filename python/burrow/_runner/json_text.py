"""JSON as `json` reads and writes it, without the 4 ms that importing `json` adds to a cold start.

The C functions beneath `json` do the work; what `json` imports besides (`re`, `enum`) is not needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


def _refuse(what: Any) -> NoReturn:
    raise ValueError("%r has no form in JSON" % (what,))


class _Strict:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse)


try:
    _json: Any = __import__("_json")
    _scan = _json.make_scanner(_Strict())
    _chunks = _json.make_encoder(
        None, _refuse, _json.encode_basestring, None, ":", ",", False, False, False
    )

    def decode(text: str) -> Any:
        """The value of a JSON text that has no space around it. Raises ValueError."""
        try:
            value, end = _scan(text, 0)
        except (StopIteration, SystemError):  # the latter where it misses json's own error class
            raise ValueError("no JSON") from None
        if end != len(text):
            raise ValueError("more after the JSON value")
        return value

    def encode(value: Any) -> str:
        """Compact JSON text, not escaped beyond need. Raises ValueError."""
        return "".join(_chunks(value, 0))

except (ImportError, AttributeError, TypeError):  # another interpreter, or a future one
    import json

    decode = json.loads  # type: ignore[assignment]
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # type: ignore
