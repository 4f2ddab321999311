"""Importing and calling what is rarely needed, after user code may have changed sys.path."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

_MIN_RECURSION_LIMIT = 1000
_path: List[str] = []


def remember_path(path: List[str]) -> None:
    """Keeps the directories that hold Burrow and the standard library, and then the user's."""
    _path[:] = path


def import_late(name: str) -> Any:
    """Imports a module that neither user code nor its changes of sys.path can replace."""
    module = sys.modules.get(name)
    if module is None:
        module = _undisturbed(_import, name)
    return module


def call_late(module: str, function: str, *args: Any) -> Any:
    """Calls a function that may import more, undisturbed by what user code did to the process."""
    return _undisturbed(getattr(import_late(module), function), *args)


def _undisturbed(function: Any, *args: Any) -> Any:
    path = getattr(sys, "path", None)
    limit = sys.getrecursionlimit()
    sys.path = list(_path)
    sys.setrecursionlimit(max(limit, _MIN_RECURSION_LIMIT))
    try:
        return function(*args)
    finally:
        sys.setrecursionlimit(limit)
        if path is None:
            del sys.path
        else:
            sys.path = path


def _import(name: str) -> Any:
    __import__(name)
    return sys.modules[name]
