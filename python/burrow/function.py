"""Functions of an app: called here, or in a container."""

from __future__ import annotations

from burrow._aio import with_aio
from burrow._calling import Callee, CallTarget, Scaled, running_session
from burrow._image_imports import raise_failed_import
from burrow._marks import yields
from burrow._options import refuse_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ParamSpec, TypeVar

    from burrow._marks import Batching, Concurrency
    from burrow.app import App
    from burrow.image import Image
    from burrow.retries import Retries
    from burrow.schedule import Cron, Period
    from burrow.secret import Secret
    from burrow.volume import Volume

    P = ParamSpec("P")
    R = TypeVar("R")
else:
    P = R = None


class FunctionOptions:
    """What @app.function() or @app.cls() was given, checked. Durations in seconds, memory in MiB."""

    __slots__ = (
        "image",
        "cpu",
        "cpu_limit",
        "memory",
        "memory_limit",
        "ephemeral_disk",
        "timeout",
        "startup_timeout",
        "retries",
        "min_containers",
        "max_containers",
        "buffer_containers",
        "scaledown_window",
        "single_use_containers",
        "enable_memory_snapshot",
        "block_network",
        "runtime",
        "env",
        "secrets",
        "volumes",
        "schedule",
        "serialized",
        "is_generator",
        "concurrency",
        "batching",
    )

    image: "Image | None"
    cpu: float
    cpu_limit: float  # 0: as cpu
    memory: int
    memory_limit: int  # 0: as memory
    ephemeral_disk: int  # MiB; 0: by the server
    timeout: float
    startup_timeout: float  # 0: by the server
    retries: "Retries | None"
    min_containers: int
    max_containers: int
    buffer_containers: int
    scaledown_window: float
    single_use_containers: bool
    enable_memory_snapshot: bool
    block_network: bool
    runtime: str
    env: "dict[str, str]"
    secrets: "list[Secret]"
    volumes: "dict[str, Volume]"  # by absolute path
    schedule: "Cron | Period | None"
    serialized: bool
    is_generator: "bool | None"  # None: the code tells
    concurrency: "Concurrency | None"
    batching: "Batching | None"


class Function(Callee[P, R], Scaled):
    """A decorated function. Calling it runs it here; `remote` and its kin run it in containers."""

    _burrow_decorated = True

    def __init__(
        self, app: "App", raw: "Callable[P, R]", name: str, options: FunctionOptions
    ) -> None:
        self.app = app
        self.name = name
        self.options = options
        self.__wrapped__ = raw
        self.__name__ = getattr(raw, "__name__", name)
        self.__qualname__ = getattr(raw, "__qualname__", name)
        self.__module__ = getattr(raw, "__module__", "")
        self.__doc__ = getattr(raw, "__doc__", None)

    @property
    def _burrow_raw_function(self) -> "Callable[P, R]":
        """What a container runs. Raises ImportError where its image failed to give an import."""
        raise_failed_import(self.options.image or self.app.image)
        return self.__wrapped__

    @property
    def is_generator(self) -> bool:
        """Whether the function yields, so that it is called by remote_gen()."""
        said = self.options.is_generator
        return yields(self.__wrapped__) if said is None else said

    def __call__(self, *args: "P.args", **kwargs: "P.kwargs") -> "R":
        return self.__wrapped__(*args, **kwargs)

    def local(self, *args: "P.args", **kwargs: "P.kwargs") -> "R":
        """Runs the function here, in this process, like a plain call."""
        return self.__wrapped__(*args, **kwargs)

    @staticmethod
    def from_name(
        app_name: str, name: str, *, environment_name: None = None
    ) -> "Function[..., Any]":
        """A function of a deployed app; needs neither its source nor a running app.

        Nothing is asked of the server before the first call, which raises NotFoundError where
        there is no such app or function.

        Example:
            square = burrow.Function.from_name("hello", "square")
            assert square.remote(12) == 144
        """
        from burrow._deployed import DeployedFunction

        refuse_environment(environment_name)
        return DeployedFunction(app_name, name)

    @with_aio
    def hydrate(self) -> "Function[P, R]":
        """Asks the server for the function now, and not at the first call; returns it.

        Raises:
            NotFoundError: no such function is deployed.
            AppNotRunningError: its app does not run.
        """
        self._target()
        return self

    @property
    def object_id(self) -> str:
        """Its id on the server, "fu-..."."""
        return self._target().function_id

    def with_options(self, **options: "Any") -> "Function[P, R]":
        """The same function with other options, in containers of its own.

        Args:
            options: cpu, memory, timeout, retries, env (over its own), secrets and volumes (instead
                of its own), max_containers, buffer_containers and scaledown_window, as
                @app.function() takes them; the others stay as they are.

        Raises:
            InvalidError: an option is out of range, or cannot be changed.

        Example:
            big = resize.with_options(memory=4096, timeout=600)
            big.remote(picture)
        """
        from burrow._function_variant import FunctionVariant
        from burrow._overrides import overrides

        return FunctionVariant(self, overrides(options))

    def _containers(self) -> CallTarget:
        return self._target()

    def _target(self) -> CallTarget:
        session = running_session(self.app, self.name)
        return CallTarget(session.calls, session.function_ids[self.name])

    def __reduce__(self) -> "tuple[Any, ...]":
        # By value it travels with the plain function, so that it can be called where it arrives.
        return _unpickled, (self.app.name, self.__wrapped__, self.name)

    def __repr__(self) -> str:
        return "<burrow.Function %s of %s>" % (self.name, self.app.name)


def _unpickled(app_name: str, raw: "Callable[..., Any]", name: str) -> "Function[..., Any]":
    from burrow.app import App

    return App(app_name).function(name=name)(raw)
