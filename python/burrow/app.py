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
    from burrow.retries import Retries

    P = ParamSpec("P")
    R = TypeVar("R")
    C = TypeVar("C", bound=Callable[..., Any])


class App:
    """A named set of functions.

    Args:
        name: shown by `burrow ps` and `burrow app ls`; letters, digits, '.', '_', '-'.
        image: for functions that name none; a plain `Image.debian_slim()` otherwise.

    Example:
        app = burrow.App("hello")

        with app.run():
            print(square.remote(12))
    """

    def __init__(self, name: str, image: "Image | None" = None) -> None:
        self.name = check_name("An app's name", name)
        self.image = _check_image(image)
        self.functions: "dict[str, Function[..., Any]]" = {}
        self.entrypoints: "dict[str, Callable[..., Any]]" = {}
        self._session: "Session | None" = None

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
