"""Apps: functions that run, log and stop together."""

from __future__ import annotations

import os

from burrow._options import (
    check_count,
    check_environment,
    check_name,
    check_number,
)
from burrow.exception import InvalidError
from burrow.function import Function, FunctionOptions
from burrow.image import Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ContextManager, ParamSpec, TypeVar

    from burrow._client.reporter import Reporter
    from burrow._client.session import Session
    from burrow._deployed import Deployed
    from burrow.retries import Retries
    from burrow.schedule import Cron, Period
    from burrow.secret import Secret

    P = ParamSpec("P")
    R = TypeVar("R")
    C = TypeVar("C", bound=Callable[..., Any])


class App:
    """A named set of functions.

    Args:
        name: shown by `burrow ps` and `burrow app ls`; letters, digits, '.', '_', '-'.
        image: for functions that name none; a plain `Image.debian_slim()` otherwise.
        secrets: environment variables for all of its functions.

    Example:
        app = burrow.App("hello")

        with app.run():
            print(square.remote(12))
    """

    def __init__(
        self,
        name: str,
        image: "Image | None" = None,
        secrets: "list[Secret] | None" = None,
    ) -> None:
        self.name = check_name("An app's name", name)
        self.image = _check_image(image)
        self.functions: "dict[str, Function[..., Any]]" = {}
        self.entrypoints: "dict[str, Callable[..., Any]]" = {}
        self.secrets = _check_secrets(secrets)
        self.app_id = ""  # of the deployed app, once it is known
        self._session: "Session | None" = None
        self._deployed: "Deployed | None" = None
        self._included_in: "list[App]" = []

    def function(
        self,
        _raw: None = None,
        *,
        image: "Image | None" = None,
        cpu: float = 1.0,
        memory: int = 512,
        timeout: float = 300,
        retries: "int | Retries" = 0,
        min_containers: int = 0,
        max_containers: "int | None" = None,
        scaledown_window: float = 60,
        env: "dict[str, str] | None" = None,
        secrets: "list[Secret] | None" = None,
        schedule: "Cron | Period | None" = None,
        serialized: bool = False,
        name: "str | None" = None,
    ) -> "Callable[[Callable[P, R]], Function[P, R]]":
        """Decorates a function so that it can run in containers.

        Args:
            image: the filesystem that its containers start from; the app's otherwise.
            cpu: cores, 0.05 to 512.
            memory: limit in MiB, 16 or more. A container that needs more is ended.
            timeout: seconds for one attempt of a call.
            retries: further attempts after the function raised; a number, or burrow.Retries.
            min_containers: kept running while the app runs.
            max_containers: upper bound; None leaves it to the server.
            scaledown_window: seconds without a call after which a container is stopped.
            env: environment variables.
            secrets: further ones that nobody is shown; of several with one name the last counts.
            schedule: when the server calls the function by itself, once the app is deployed.
            serialized: pickle the function itself instead of importing its module remotely; for
                functions inside functions or notebooks. Needs cloudpickle on this machine.
            name: unique in the app; the function's own name otherwise.

        Raises:
            InvalidError: an option is out of range, or the name is taken.
        """
        if _raw is not None:
            raise InvalidError("Write @app.function() with parentheses.")
        options = FunctionOptions()
        options.image = _check_image(image)
        options.cpu = check_number("cpu", cpu, 0.05, 512, "cores")
        options.memory = check_count("memory", memory, 16, 16 * 1024 * 1024)
        options.timeout = check_number("timeout", timeout, 0.1, 7 * 86400, "s")
        options.retries = None
        if retries != 0:
            from burrow.retries import as_retries

            options.retries = as_retries(retries)
        _set_scaling(options, min_containers, max_containers, scaledown_window)
        options.env = check_environment(env or {})
        options.serialized = bool(serialized)
        options.secrets = self.secrets + _check_secrets(secrets)
        options.schedule = _check_schedule(schedule)

        def decorate(raw: "Callable[P, R]") -> "Function[P, R]":
            return self._add_function(raw, name, options)

        return decorate

    def local_entrypoint(
        self, _raw: None = None, *, name: "str | None" = None
    ) -> "Callable[[C], C]":
        """Decorates the function that `burrow run` calls on this machine.

        Its parameters become command-line options by their type hints (int, float, bool, str,
        Optional and list of these).
        """
        if _raw is not None:
            raise InvalidError("Write @app.local_entrypoint() with parentheses.")

        def decorate(raw: "C") -> "C":
            key = check_name("An entrypoint's name", name or raw.__name__)
            known = self.entrypoints.get(key)
            if known is not None and not _same_definition(known, raw):
                raise InvalidError("The app %r has two entrypoints named %r." % (self.name, key))
            self.entrypoints[key] = raw
            return raw

        return decorate

    def run(self, *, reporter: "Reporter | None" = None) -> "ContextManager[Session]":
        """Runs the app while the `with` block lasts; its containers' output is shown here.

        A nested run() of an app that runs joins it.

        Raises:
            ConnectionError: the server cannot be reached.
            ImageBuildError: an image cannot be built.
            InvalidError: a function cannot be loaded remotely, or its files are too large.
        """
        if os.environ.get("BURROW_CONTAINER_ID"):
            raise InvalidError(
                "app.run() was reached in a container, which imports this module: "
                "put it under if __name__ == '__main__':, or in a function."
            )
        from burrow._client.session import run_app

        return run_app(self, reporter)

    def deploy(self, *, name: "str | None" = None, reporter: "Reporter | None" = None) -> "App":
        """Makes the app stay on the server, under its name or another one; see docs/deployments.md.

        A deployed app of that name gets these functions instead of those that it has: calls that
        run end in the containers that they are in, all others run the new version.

        Raises:
            ConnectionError: the server cannot be reached.
            ImageBuildError: an image cannot be built.
            InvalidError: a function cannot be loaded remotely, or a schedule makes no sense.
            NotFoundError: a secret does not exist.
        """
        if os.environ.get("BURROW_CONTAINER_ID"):
            raise InvalidError("app.deploy() was reached in a container: deploy from elsewhere.")
        from burrow._client.deployments import deploy
        from burrow._deployed import Deployed

        deployment = deploy(self, name and check_name("An app's name", name), reporter)
        self.app_id = deployment.app_id
        self._deployed = Deployed(deployment.calls, deployment.function_ids)
        return self

    @staticmethod
    def lookup(name: str, *, create_if_missing: bool = False) -> "App":
        """A deployed app by its name.

        Raises:
            NotFoundError: there is none, and `create_if_missing` is not set.
        """
        from burrow._client.deployments import find_app

        app = App(name)
        app.app_id = find_app(app.name, create_if_missing)
        return app

    def include(self, other: "App") -> "App":
        """Makes the functions of another app functions of this one, too; returns this app.

        Raises:
            InvalidError: both have different functions of one name.
        """
        for key, function in other.functions.items():
            known = self.functions.get(key)
            if known is not None and known is not function:
                raise InvalidError(
                    "The apps %r and %r both have a function named %r: give one another name=."
                    % (self.name, other.name, key)
                )
            self.functions[key] = function
        if self not in other._included_in:
            other._included_in.append(self)
        return self

    def _callable(self) -> "Any":
        """What knows the ids of the app's functions: its run, its deployment, or that of an app
        that includes it; None where there is none."""
        found = self._session or self._deployed
        for including in self._included_in:
            found = found or including._callable()
        return found

    def _add_function(
        self, raw: "Callable[P, R]", name: "str | None", options: FunctionOptions
    ) -> "Function[P, R]":
        if isinstance(raw, Function) or not callable(raw) or isinstance(raw, type):
            raise InvalidError("@app.function() decorates plain functions, not %r." % (raw,))
        key = check_name("A function's name", name or getattr(raw, "__name__", ""))
        known = self.functions.get(key)
        if known is not None and not _same_definition(known.__wrapped__, raw):
            raise InvalidError(
                "The app %r has two functions named %r: give one of them another name=."
                % (self.name, key)
            )
        function = Function(self, raw, key, options)
        self.functions[key] = function
        return function

    def __repr__(self) -> str:
        return "<burrow.App %s>" % self.name


def _check_secrets(secrets: "list[Secret] | None") -> "list[Secret]":
    if not secrets:
        return []
    from burrow.secret import check_secrets

    return check_secrets(secrets)


def _check_schedule(schedule: "Cron | Period | None") -> "Cron | Period | None":
    if schedule is None:
        return None
    from burrow.schedule import check_schedule

    return check_schedule(schedule)


def _check_image(image: "Image | None") -> "Image | None":
    if image is not None and not isinstance(image, Image):
        raise InvalidError("image must be a burrow.Image, not %r." % (image,))
    return image


def _set_scaling(
    options: FunctionOptions, low: int, high: "int | None", scaledown_window: float
) -> None:
    options.min_containers = check_count("min_containers", low, 0, 10000)
    options.max_containers = 0 if high is None else check_count("max_containers", high, 1, 10000)
    if high is not None and low > high:
        raise InvalidError("min_containers (%d) is above max_containers (%d)." % (low, high))
    options.scaledown_window = check_number("scaledown_window", scaledown_window, 0.001, 86400, "s")


def _same_definition(one: "Callable[..., Any]", other: "Callable[..., Any]") -> bool:
    """Whether a module or a notebook cell was merely executed again."""
    return all(
        getattr(one, attribute, None) == getattr(other, attribute, None)
        for attribute in ("__module__", "__qualname__")
    )
