"""Deployed apps: made, found by name, and asked how they do."""

from __future__ import annotations

from burrow._calling import CallTarget
from burrow._client.calls import default_call_client
from burrow._client.class_spec import class_parts
from burrow._client.session import Session
from burrow._output import make_reporter
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._class_parts import ClassParts
    from burrow._client.calls import CallClient
    from burrow._client.reporter import Reporter
    from burrow.app import App

_DEPLOY_TIMEOUT = 180.0


class FunctionStats:
    """A function at one moment.

    Attributes:
        backlog: calls that wait for a container.
        num_total_runners: containers that start or are ready.
    """

    __slots__ = ("backlog", "num_total_runners")

    def __init__(self, backlog: int, num_total_runners: int) -> None:
        self.backlog = backlog
        self.num_total_runners = num_total_runners

    def __repr__(self) -> str:
        return "FunctionStats(backlog=%d, num_total_runners=%d)" % (
            self.backlog,
            self.num_total_runners,
        )


class Deployment:
    """One deploy as the server answered it."""

    __slots__ = ("app_id", "version", "function_ids", "next_runs_ms", "calls")

    def __init__(self, answer: "dict[str, Any]", calls: "CallClient") -> None:
        self.app_id = str(answer.get("appId", ""))
        self.version = int(answer.get("version", 0))
        self.function_ids: "dict[str, str]" = answer.get("functionIds", {})
        self.next_runs_ms = {name: int(at) for name, at in answer.get("nextRunsMs", {}).items()}
        self.calls = calls


def deploy(app: "App", name: "str | None", reporter: "Reporter | None" = None) -> Deployment:
    """Builds, uploads and deploys an app.

    Raises:
        Error: what building, uploading or the server says.
    """
    name = name or app.deployed_name
    session = Session(app, reporter or make_reporter())
    try:
        specs, source = session.prepare()
        answer = session.transport.unary(
            "Deployments/Deploy",
            {"name": name, "functions": specs, "source": source},
            _DEPLOY_TIMEOUT,
        )
    finally:
        session.reporter.close()
    session.prepared()
    return Deployment(answer, session.calls)


def find_app(name: str, create_if_missing: bool) -> "str":
    """The id of a deployed app.

    Raises:
        NotFoundError: there is none; the message has names that are near.
    """
    request = {"name": name, "createIfMissing": create_if_missing}
    return str(default_call_client().transport.unary("Deployments/FindApp", request)["appId"])


def find_function(app: str, name: str) -> "tuple[CallTarget, bool]":
    """A deployed function, and whether it is a generator.

    Raises:
        NotFoundError: there is none; the message has names that are near.
    """
    calls, answer = _find(app, name)
    if "classSpec" in answer:
        raise InvalidError(
            "%s of the app %s is a class: use burrow.Cls.from_name(%r, %r)."
            % (name, app, app, name)
        )
    return CallTarget(calls, str(answer["functionId"])), bool(answer.get("isGenerator"))


def find_class(app: str, name: str) -> "tuple[CallTarget, ClassParts]":
    """A deployed class, with its methods and parameters.

    Raises:
        NotFoundError: there is none; the message has names that are near.
        InvalidError: it is a function.
    """
    calls, answer = _find(app, name)
    if "classSpec" not in answer:
        raise InvalidError(
            "%s of the app %s is a function: use burrow.Function.from_name(%r, %r)."
            % (name, app, app, name)
        )
    return CallTarget(calls, str(answer["functionId"])), class_parts(answer["classSpec"])


def find_function_id(app: str, name: str) -> str:
    """The id of a deployed function or class.

    Raises:
        NotFoundError: there is none; the message has names that are near.
    """
    return str(_find(app, name)[1]["functionId"])


def _find(app: str, name: str) -> "tuple[CallClient, dict[str, Any]]":
    calls = default_call_client()
    return calls, calls.transport.unary("Deployments/FindFunction", {"app": app, "function": name})


def current_stats(target: CallTarget) -> FunctionStats:
    """How many calls wait, and for how many containers."""
    request = {"functionId": target.function_id}
    answer = target.calls.transport.unary("Deployments/Stats", request)
    return FunctionStats(answer.get("backlog", 0), answer.get("totalRunners", 0))


def update_autoscaler(
    target: CallTarget,
    min_containers: "int | None",
    max_containers: "int | None",
    buffer_containers: "int | None",
    scaledown_window: "float | None",
) -> None:
    """Changes what is not None."""
    settings: "dict[str, Any]" = {
        "minContainers": min_containers,
        "maxContainers": max_containers,
        "bufferContainers": buffer_containers,
        "scaledownWindowMs": None if scaledown_window is None else int(scaledown_window * 1000),
    }
    request = {name: value for name, value in settings.items() if value is not None}
    request["functionId"] = target.function_id
    target.calls.transport.unary("Deployments/UpdateAutoscaler", request)
