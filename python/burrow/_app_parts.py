"""What an app consists of: the functions, classes and entrypoints that are decorated into it."""

from __future__ import annotations

from burrow import _marks
from burrow._function_options import (
    check_image,
    check_secrets,
    check_volumes,
    function_options,
    with_marks,
)
from burrow._options import check_name
from burrow.exception import InvalidError
from burrow.function import Function
from burrow.image import Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ParamSpec, TypeVar

    from burrow.app import App
    from burrow.cls import Cls
    from burrow.function import FunctionOptions
    from burrow.retries import Retries
    from burrow.schedule import Cron, Period
    from burrow.secret import Secret
    from burrow.volume import Volume

    P = ParamSpec("P")
    R = TypeVar("R")
    C = TypeVar("C", bound=Callable[..., Any])


class AppParts:
    """The decorators of an App, and what they have collected.

    Attributes:
        functions: functions and classes by name.
        entrypoints: by name.
        secrets: for all of its functions.
        volumes: for all of its functions, by path.
    """

    def __init__(
        self,
        name: str,
        image: "Image | None",
        secrets: "list[Secret] | None",
        volumes: "dict[str, Volume] | None",
    ) -> None:
        self.name = check_name("An app's name", name)
        self.image = check_image(image)
        self.functions: "dict[str, Function[..., Any] | Cls]" = {}
        self.entrypoints: "dict[str, Callable[..., Any]]" = {}
        self.secrets = check_secrets(secrets)
        self.volumes = check_volumes(volumes)

    @property
    def registered_functions(self) -> "dict[str, Function[..., Any]]":
        """Its functions by name, those of included apps with them; classes are not among them."""
        return {key: one for key, one in self.functions.items() if isinstance(one, Function)}

    @property
    def registered_classes(self) -> "dict[str, Cls]":
        """Its classes by name."""
        return {key: one for key, one in self.functions.items() if not isinstance(one, Function)}

    def function(
        self,
        _raw: None = None,
        *,
        image: "Image | None" = None,
        cpu: "float | tuple[float, float] | None" = None,
        memory: "int | tuple[int, int] | None" = None,
        ephemeral_disk: "int | None" = None,
        timeout: float = 300,
        startup_timeout: "float | None" = None,
        retries: "int | Retries | None" = None,
        min_containers: "int | None" = None,
        max_containers: "int | None" = None,
        buffer_containers: "int | None" = None,
        scaledown_window: "float | None" = None,
        single_use_containers: bool = False,
        enable_memory_snapshot: bool = False,
        block_network: bool = False,
        runtime: "str | None" = None,
        env: "dict[str, str | None] | None" = None,
        secrets: "list[Secret] | None" = None,
        volumes: "dict[str, Volume] | None" = None,
        schedule: "Cron | Period | None" = None,
        serialized: bool = False,
        is_generator: "bool | None" = None,
        name: "str | None" = None,
        **others: "Any",
    ) -> "Callable[[Callable[P, R]], Function[P, R]]":
        """Decorates a function so that it can run in containers.

        Args:
            image: the filesystem that its containers start from; the app's otherwise.
            cpu: cores, 0.05 to 512, 1 by default; or (request, limit).
            memory: MiB, 16 or more, 512 by default; or (request, limit). A container that needs more
                than the limit is ended.
            ephemeral_disk: MiB that a container may write to its own filesystem, 65,536 by default.
                One that writes more is ended.
            timeout: seconds for one attempt of a call.
            startup_timeout: seconds until a container takes calls; otherwise as `timeout`, and at
                least 120.
            retries: further attempts after the function raised: a number, with a second before each,
                or burrow.Retries.
            min_containers: kept running while the app runs.
            max_containers: upper bound; None leaves it to the server.
            buffer_containers: idle ones that are kept beyond what calls need, while there are calls.
            scaledown_window: seconds without a call after which a container is stopped, 60 by default.
            single_use_containers: each container takes one call and stops.
            enable_memory_snapshot: containers start from forks of a process that has imported the
                module and run the enter hooks with snap=True, where that is safe.
            block_network: containers have no network.
            runtime: what starts the containers: "crun", "runc" or "runsc"; the worker's own otherwise.
            env: environment variables; those whose value is None are left out.
            secrets: further ones that nobody is shown; of several with one name the last counts.
            volumes: further ones by path; see burrow.Volume.
            schedule: when the server calls the function by itself, once the app is deployed.
            serialized: pickle the function itself instead of importing its module remotely; for
                functions inside functions or notebooks. Needs cloudpickle on this machine.
            is_generator: whether it yields, where the code does not tell.
            name: unique in the app; the function's own name otherwise.
            others: region, cloud, nonpreemptible and include_source change nothing; gpu must be None.

        Raises:
            InvalidError: an option is out of range or does not exist, or the name is taken.
        """
        if _raw is not None:
            raise InvalidError("Write @app.function() with parentheses.")
        options = function_options(
            image=image,
            cpu=cpu,
            memory=memory,
            ephemeral_disk=ephemeral_disk,
            timeout=timeout,
            startup_timeout=startup_timeout,
            retries=retries,
            min_containers=min_containers,
            max_containers=max_containers,
            buffer_containers=buffer_containers,
            scaledown_window=scaledown_window,
            single_use_containers=single_use_containers,
            enable_memory_snapshot=enable_memory_snapshot,
            block_network=block_network,
            runtime=runtime,
            env=env,
            secrets=self._secrets_with(secrets),
            volumes=self._volumes_with(volumes),
            schedule=schedule,
            serialized=serialized,
            is_generator=is_generator,
            **others,
        )

        def decorate(raw: "Callable[P, R]") -> "Function[P, R]":
            return self._add_function(raw, name, options)

        return decorate

    def cls(
        self, _raw: None = None, *, name: "str | None" = None, **options: "Any"
    ) -> "Callable[[type], Cls]":
        """Decorates a class whose instances live in containers; see burrow.Cls.

        Args:
            name: unique in the app; the class's own name otherwise.
            options: those of @app.function(), but for is_generator.

        Raises:
            InvalidError: an option is out of range or does not exist, the name is taken, or the class
                cannot be one.
        """
        if _raw is not None:
            raise InvalidError("Write @app.cls() with parentheses.")
        if "is_generator" in options:
            raise InvalidError(
                "is_generator belongs to a method: @burrow.method(is_generator=...)."
            )
        if "schedule" in options:
            raise InvalidError("A schedule belongs to a function: a class has no call of its own.")
        options["secrets"] = self._secrets_with(options.get("secrets"))
        options["volumes"] = self._volumes_with(options.get("volumes"))
        checked = function_options(**options)

        def decorate(user_class: type) -> "Cls":
            return self._add_class(user_class, name, checked)

        return decorate

    def local_entrypoint(
        self, _raw: None = None, *, name: "str | None" = None
    ) -> "Callable[[C], C]":
        """Decorates the function that `burrow run` calls on this machine.

        Its parameters become command-line options by their type hints (int, float, bool, str,
        datetime, date, Literal, Optional and list of these). With *args alone it gets all words.
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

    def _secrets_with(self, secrets: "list[Secret] | None") -> "list[Secret]":
        return self.secrets + check_secrets(secrets)

    def _volumes_with(self, volumes: "dict[str, Volume] | None") -> "dict[str, Volume]":
        return {**self.volumes, **check_volumes(volumes)}

    def _as_app(self) -> "App":
        raise NotImplementedError

    def _add_function(
        self, raw: "Callable[P, R]", name: "str | None", options: "FunctionOptions"
    ) -> "Function[P, R]":
        if hasattr(type(raw), "_burrow_decorated") or not callable(raw) or isinstance(raw, type):
            raise InvalidError("@app.function() decorates plain functions, not %r." % (raw,))
        if hasattr(raw, _marks.METHOD) or hasattr(raw, _marks.HOOK):
            raise InvalidError(
                "%s is a method: decorate its class with @app.cls(), and not it with @app.function()."
                % getattr(raw, "__qualname__", raw)
            )
        key = self._free_name("A function's name", name, raw)
        options = with_marks(options, raw, getattr(raw, _marks.BATCHING, None))
        function = Function(self._as_app(), raw, key, options)
        if options.batching is not None and (function.is_generator or _marks.yields(raw)):
            raise InvalidError("%s() is @burrow.batched() and yields: it must return a list." % key)
        self.functions[key] = function
        return function

    def _add_class(self, user_class: type, name: "str | None", options: "FunctionOptions") -> "Cls":
        if not isinstance(user_class, type):
            raise InvalidError("@app.cls() decorates classes, not %r." % (user_class,))
        from burrow.cls import Cls

        key = self._free_name("A class's name", name, user_class)
        cls = Cls(self._as_app(), user_class, key, options)
        with_marks(options, user_class, cls.parts.batching)
        self.functions[key] = cls
        return cls

    def _free_name(self, what: str, name: "str | None", raw: "Any") -> str:
        key = check_name(what, name or getattr(raw, "__name__", ""))
        known = self.functions.get(key)
        if known is not None and not _same_definition(known.__wrapped__, raw):
            raise InvalidError(
                "The app %r has two functions named %r: give one of them another name=."
                % (self.name, key)
            )
        return key


def _same_definition(one: "Callable[..., Any]", other: "Callable[..., Any]") -> bool:
    """Whether a module or a notebook cell was merely executed again."""
    return all(
        getattr(one, attribute, None) == getattr(other, attribute, None)
        for attribute in ("__module__", "__qualname__")
    )
