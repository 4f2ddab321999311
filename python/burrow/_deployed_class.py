"""Classes of deployed apps, found by name: their methods are callable from anywhere, without their source."""

from __future__ import annotations

import threading

from burrow._calling import CallTarget
from burrow.cls import Cls
from burrow.exception import InvalidError
from burrow.function import FunctionOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._class_parts import ClassParts


class DeployedCls(Cls):
    """What Cls.from_name() gives; asks the server when it is first used."""

    def __init__(self, app_name: str, name: str) -> None:
        from burrow.app import App

        self.app = App(app_name)
        self.name = name
        self.options = FunctionOptions()
        self.__wrapped__ = _never_here(app_name, name)
        self.__name__ = self.__qualname__ = name
        self.__module__ = ""
        self.__doc__ = None
        self._parts = None
        self._overrides = {}
        self._lock = threading.Lock()
        self._found: "CallTarget | None" = None

    @property
    def parts(self) -> "ClassParts":
        """Its methods and parameters, as the server knows them."""
        self._find()
        return super().parts

    def _target(self, method: str) -> CallTarget:
        found = self._find()
        return CallTarget(found.calls, found.function_id, method)

    def _find(self) -> CallTarget:
        with self._lock:
            if self._found is None:
                from burrow._client.deployments import find_class

                self._found, self._parts = find_class(self.app.name, self.name)
            return self._found

    def __reduce__(self) -> "tuple[Any, ...]":
        return DeployedCls, (self.app.name, self.name), {"_overrides": self._overrides}

    def __repr__(self) -> str:
        return "<burrow.Cls %s of the deployed app %s>" % (self.name, self.app.name)


def _never_here(app_name: str, name: str) -> type:
    def refuse(self: "Any") -> None:
        raise InvalidError(
            "The class %s of the app %s was looked up by name, and its source is not here: "
            "call its methods by .remote()." % (name, app_name)
        )

    return type(name, (), {"__init__": refuse})
