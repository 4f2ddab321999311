"""Functions of deployed apps, found by name: callable from anywhere, without their source."""

from __future__ import annotations

import threading

from burrow._calling import CallTarget
from burrow.exception import InvalidError
from burrow.function import Function, FunctionOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from burrow._client.calls import CallClient


class Deployed:
    """The functions of a deployed app, as its handles see them: what a Session is to a running one."""

    def __init__(self, calls: "CallClient", function_ids: "dict[str, str]") -> None:
        self.calls = calls
        self.function_ids = function_ids


class DeployedFunction(Function):  # type: ignore[type-arg]
    """What Function.from_name() gives; asks the server when it is first used."""

    def __init__(self, app_name: str, name: str) -> None:
        from burrow.app import App

        super().__init__(App(app_name), _never_here(app_name, name), name, FunctionOptions())
        self._app_name = app_name
        self._lock = threading.Lock()
        self._found: "CallTarget | None" = None
        self._yields = False

    @property
    def is_generator(self) -> bool:
        self._target()
        return self._yields

    def _target(self) -> CallTarget:
        with self._lock:
            if self._found is None:
                from burrow._client.deployments import find_function

                self._found, self._yields = find_function(self._app_name, self.name)
            return CallTarget(self._found.calls, self._found.function_id)

    def __reduce__(self) -> "tuple[Any, ...]":
        return DeployedFunction, (self._app_name, self.name)

    def __repr__(self) -> str:
        return "<burrow.Function %s of the deployed app %s>" % (self.name, self._app_name)


def _never_here(app_name: str, name: str) -> "Callable[..., Any]":
    def refuse(*args: "Any", **kwargs: "Any") -> "Any":
        raise InvalidError(
            "%s() of the app %s was looked up by name, and its source is not here: "
            "call it by .remote()." % (name, app_name)
        )

    refuse.__name__ = refuse.__qualname__ = name
    return refuse
