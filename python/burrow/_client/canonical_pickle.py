"""Pickles that are equal where values are: those that decide whether a step of an image is taken again.

Ordinary pickles are not. A set comes in the order of its hashes, which each process salts anew;
functions that travel by value say in which file and line they were written, and classes carry an id
that chance gave them; and whether equal strings are one object depends on how they came to be.
Canonical pickles are made by the pickler in Python, which is slow: calls do not use them.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from types import CodeType
from typing import TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

_PROTOCOL = 5
# As tracebacks show it; the line beside it counts from the function's first.
_FILE = "<by value>"
# By the functions of cloudpickle that take them, where among the arguments ids are.
_IDS = {"_make_skeleton_class": -2, "_make_skeleton_enum": -2, "_make_typevar": -1}
_Pickler: "Any" = getattr(pickle, "_Pickler")


def dump(obj: "Any", cloudpickle: "Any") -> bytes:
    """Pickles `obj`.

    Args:
        cloudpickle: the module, which pickles by value what no import finds; or None.

    Raises what these picklers raise. What is nested too deeply for Python's pickler is pickled as
    it would be for a call.
    """
    try:
        return _dump(obj, cloudpickle, True)
    except RecursionError:
        ordinary = cloudpickle or pickle
        return bytes(ordinary.dumps(obj, protocol=_PROTOCOL))


def _dump(obj: "Any", cloudpickle: "Any", identify: bool) -> bytes:
    file = io.BytesIO()
    _CanonicalPickler(file, cloudpickle, identify).dump(obj)
    return file.getvalue()


class _CanonicalPickler(_Pickler):  # type: ignore[misc]
    """Says equal things in one way.

    Args:
        identify: give what travels by value an id, by which the reader knows a class of one pickle
            again in another; it is made of what the class holds.
    """

    dispatch = dict(_Pickler.dispatch)

    def __init__(self, file: "io.BytesIO", cloudpickle: "Any", identify: bool) -> None:
        super().__init__(file, _PROTOCOL)
        self._cloudpickle = cloudpickle
        self._identify = identify
        self._first: "dict[Any, Any]" = {}
        self._by_value: "Any" = None
        if cloudpickle is not None:
            self._by_value = cloudpickle.CloudPickler(io.BytesIO(), protocol=_PROTOCOL)
            self.dispatch_table = self._by_value.dispatch_table

    def reducer_override(self, obj: "Any") -> "Any":
        """How `obj` is taken apart; NotImplemented where the pickler itself does it canonically."""
        if isinstance(obj, (set, frozenset)):
            return self._reduce_set(obj)
        if self._by_value is None:
            return NotImplemented
        if isinstance(obj, CodeType):
            return self.dispatch_table[CodeType](obj.replace(co_filename=_FILE, co_firstlineno=1))
        if isinstance(obj, TypeVar):
            return self._identified(obj, self.dispatch_table[TypeVar](obj))
        reduced = self._by_value.reducer_override(obj)
        if not isinstance(reduced, tuple):
            return reduced
        if reduced[0].__name__ == "_make_function":
            return _without_place(reduced)
        return self._identified(obj, reduced)

    def _save_equal(self, obj: "Any") -> None:
        first = self._first.setdefault((type(obj), obj), obj)
        if first is obj:
            _Pickler.dispatch[type(obj)](self, obj)
        else:
            self.save(first)

    dispatch[str] = dispatch[bytes] = _save_equal

    def _reduce_set(self, obj: "Any") -> "Any":
        own: "Any" = type(obj).__reduce__
        if own is not set.__reduce__ and own is not frozenset.__reduce__:
            return NotImplemented
        kind, (values,), state = obj.__reduce__()
        return kind, (self._sorted(values),), state

    def _sorted(self, values: "list[Any]") -> "list[Any]":
        for kind in (str, int, bytes):
            if all(type(value) is kind for value in values):
                return sorted(values)
        return sorted(values, key=lambda value: _dump(value, self._cloudpickle, self._identify))

    def _identified(self, obj: "Any", reduced: "tuple[Any, ...]") -> "tuple[Any, ...]":
        """With another id than chance gave to a class or a variable of types."""
        maker, arguments, *rest = reduced
        place = _IDS.get(maker.__name__)
        if place is None:
            return reduced
        identity = None
        if self._identify:
            whole = _dump(obj, self._cloudpickle, False)
            identity = hashlib.sha256(whole).hexdigest()[:32]
        arguments = list(arguments)
        arguments[place] = identity
        if rest:
            self._settle_class(rest[0][0])
        return (maker, tuple(arguments), *rest)

    def _settle_class(self, attributes: "dict[str, Any]") -> None:
        # A line, what comes in the order of a set, and what pickling an instance leaves in its class.
        for name in ("__firstlineno__", "__static_attributes__", "__slotnames__"):
            attributes.pop(name, None)
        if isinstance(attributes.get("_abc_impl"), list):
            attributes["_abc_impl"] = self._sorted(attributes["_abc_impl"])


def _without_place(reduced: "tuple[Any, ...]") -> "tuple[Any, ...]":
    """A function without what says where on this machine it was written."""
    names = reduced[1][1]
    names.pop("__file__", None)
    if "__path__" in names:
        names["__path__"] = []
    members = reduced[2][1]
    modules: "Iterable[Any]" = members.get("_cloudpickle_submodules", ())
    members["_cloudpickle_submodules"] = sorted(modules, key=lambda module: module.__name__)
    return reduced
