"""The app of this container: what its functions call each other by."""

from __future__ import annotations

import os

from burrow import _calling
from burrow._client.calls import default_call_client
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from burrow._client.calls import CallClient
    from burrow.app import App

_known: "Optional[ContainerApp]" = None


class ContainerApp:
    """What a Session is to the client that runs an app."""

    def __init__(self, calls: "CallClient", app_id: str) -> None:
        self.calls = calls
        self.function_ids: "dict[str, str]" = _FunctionIds(calls, app_id)


class _FunctionIds(dict):  # type: ignore[type-arg]
    """Ids by name; each is asked for when it is first needed."""

    def __init__(self, calls: "CallClient", app_id: str) -> None:
        super().__init__()
        self._calls = calls
        self._app_id = app_id

    def __missing__(self, name: str) -> str:
        request = {"app": self._app_id, "function": name}
        answer = self._calls.transport.unary("Deployments/FindFunction", request)
        found = self[name] = str(answer["functionId"])
        return found


def container_app(app: "App", name: str) -> ContainerApp:
    """The app of this container.

    Raises:
        InvalidError: `app`, to which the function `name` belongs, is another one.
    """
    global _known
    served = _calling.served
    if served is not None and not _names(served.app) & _names(app):
        raise InvalidError(
            "%s() belongs to the app %r, and this container to %r: "
            "call it by burrow.Function.from_name(%r, %r)."
            % (name, app.name, served.app.name, app.name, name)
        )
    if not os.environ.get("BURROW_API_SOCKET"):
        raise InvalidError(
            "%s() runs in a container from which nothing can be called: use .local() there." % name
        )
    if _known is None:
        _known = ContainerApp(default_call_client(), os.environ.get("BURROW_APP_ID", ""))
    return _known


def _names(app: "App") -> "set[str]":
    """Of the app and of all that include it."""
    names = {app.name}
    for including in app._included_in:
        names |= _names(including)
    return names
