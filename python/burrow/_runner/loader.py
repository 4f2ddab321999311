"""Finds the user's function."""

from __future__ import annotations

import sys

from burrow._serialization import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Union


class LoadError(Exception):
    """The function could not be found; the message is one sentence that says what to do."""


def load_function(header: Dict[str, Any], body: Union[bytes, memoryview]) -> Callable[..., Any]:
    """The function that a `start` frame names or holds.

    Raises what the user's module raises while it is imported, LoadError or SerializationError.
    """
    found = _load(header, body)
    try:
        found = found._burrow_raw_function
    except AttributeError:
        pass
    if not callable(found):
        raise LoadError(
            "%s is a %s, not a function: check which object @app.function() decorates"
            % (header.get("qualname") or header.get("name"), type(found).__name__)
        )
    return found  # type: ignore[no-any-return]


def load_class(header: Dict[str, Any], body: Union[bytes, memoryview]) -> type:
    """The class that a `start` frame names or holds. Raises as load_function does."""
    found = _load(header, body)
    try:
        found = found._burrow_raw_class
    except AttributeError:
        pass
    if not isinstance(found, type):
        raise LoadError(
            "%s is a %s, not a class: check which object @app.cls() decorates"
            % (header.get("qualname") or header.get("name"), type(found).__name__)
        )
    return found


def _load(header: Dict[str, Any], body: Union[bytes, memoryview]) -> Any:
    if header.get("serialized"):
        return loads(body)
    return _find(header["module"], header["qualname"])


def _find(module_name: str, qualname: str) -> Any:
    if "<locals>" in qualname:
        raise LoadError(
            "%s is defined inside another function, so that no import finds it: "
            "move it to the top of its module or use serialized=True" % qualname
        )
    __import__(module_name)
    found: Any = sys.modules[module_name]
    for part in qualname.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise LoadError(
                "module %s has no %s in the container: define it at the top of the module, "
                "not under a condition, or use @app.function(serialized=True)"
                % (module_name, qualname)
            ) from None
    if hasattr(type(found), "_burrow_decorated"):
        setattr(sys.modules["burrow._calling"], "served", found)
    return found
