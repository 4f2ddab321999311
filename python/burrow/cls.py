"""Classes of an app: their instances live in containers, and their methods are called there."""

from __future__ import annotations

import os

from burrow import _calling, _class_parts
from burrow._aio import with_aio
from burrow._calling import Callee, CallTarget, Scaled, running_session
from burrow._image_imports import raise_failed_import
from burrow._options import refuse_environment
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from burrow._class_parts import ClassParts, Method
    from burrow.app import App
    from burrow.function import FunctionOptions

    _AnyCallee = Callee[..., Any]
else:
    _AnyCallee = Callee


class Cls:
    """A decorated class. Calling it makes an Obj, whose methods run in containers.

    Example:
        @app.cls()
        class Model:
            size: int = burrow.parameter(default=3)

            @burrow.enter()
            def load(self) -> None:
                self.table = list(range(self.size))

            @burrow.method()
            def look(self, position: int) -> int:
                return self.table[position]

        assert Model(size=5).look.remote(4) == 4
    """

    _burrow_decorated = True
    is_generator = False

    def __init__(self, app: "App", user_class: type, name: str, options: "FunctionOptions") -> None:
        self.app = app
        self.name = name
        self.options = options
        self._parts: "ClassParts | None" = _class_parts.parts_of(user_class)
        self._overrides: "dict[str, Any]" = {}
        self.__wrapped__ = user_class
        self.__name__ = user_class.__name__
        self.__qualname__ = user_class.__qualname__
        self.__module__ = user_class.__module__
        self.__doc__ = user_class.__doc__

    @staticmethod
    def from_name(app_name: str, name: str, *, environment_name: None = None) -> "Cls":
        """A class of a deployed app; needs neither its source nor a running app.

        Nothing is asked of the server before the first use, which raises NotFoundError where there
        is no such app or class.

        Example:
            Model = burrow.Cls.from_name("shop", "Model")
            assert Model(size=5).look.remote(4) == 4
        """
        from burrow._deployed_class import DeployedCls

        refuse_environment(environment_name)
        return DeployedCls(app_name, name)

    @with_aio
    def hydrate(self) -> "Cls":
        """Asks the server for the class now, and not at the first use; returns it.

        Raises:
            NotFoundError: no such class is deployed.
            AppNotRunningError: its app does not run.
        """
        self._target("")
        return self

    @property
    def object_id(self) -> str:
        """Its id on the server before parameters are bound, "fu-..."."""
        return self._target("").function_id

    @property
    def parts(self) -> "ClassParts":
        """Its methods, hooks and parameters."""
        assert self._parts is not None
        return self._parts

    def _target(self, method: str) -> CallTarget:
        """Whom calls go to before parameters are bound."""
        session = running_session(self.app, "%s.%s" % (self.name, method))
        return CallTarget(session.calls, session.function_ids[self.name], method)

    @property
    def _burrow_raw_class(self) -> type:
        """What a container makes an instance of. Raises ImportError as functions do."""
        raise_failed_import(self.options.image or self.app.image)
        return self.__wrapped__

    def __call__(self, *args: "Any", **parameters: "Any") -> "Obj":
        if args:
            raise InvalidError(
                "%s() takes its parameters by name, like %s(%s=...)."
                % (self.name, self.name, next(iter(self.parts.parameters), "size"))
            )
        return Obj(self, _class_parts.check_values(self.name, self.parts, parameters))

    def with_options(self, **options: "Any") -> "Cls":
        """The same class with other options, in containers of its own.

        Args:
            options: cpu, memory, timeout, retries, env (over its own), secrets and volumes (instead
                of its own), max_containers, buffer_containers and scaledown_window, as @app.cls()
                takes them; the others stay as they are.

        Raises:
            InvalidError: an option is out of range, or cannot be changed.

        Example:
            Model.with_options(cpu=4, max_containers=2)(size=5).look.remote(4)
        """
        from burrow._overrides import overrides

        return self._varied(overrides(options))

    def with_concurrency(self, *, max_inputs: int, target_inputs: "int | None" = None) -> "Cls":
        """The same class with so many calls at once in a container; see burrow.concurrent."""
        from burrow._marks import concurrency

        return self._varied(concurrency(max_inputs, target_inputs)._message())

    def with_batching(self, *, max_batch_size: int, wait_ms: int) -> "Cls":
        """The same class with calls in batches; see burrow.batched."""
        from burrow._marks import batching

        return self._varied(batching(max_batch_size, wait_ms)._message())

    def _varied(self, overrides: "dict[str, Any]") -> "Cls":
        from burrow._overrides import joined

        varied = object.__new__(type(self))
        varied.__dict__.update(self.__dict__)
        varied._overrides = joined(self._overrides, overrides)
        return varied

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in ("parts", "_parts", "_overrides") and name in self.parts.methods:
            return Obj(self, None).method(name)
        return getattr(self.__dict__["__wrapped__"], name)

    def __mro_entries__(self, bases: "tuple[Any, ...]") -> "tuple[type, ...]":
        return (self.__wrapped__,)

    def __reduce__(self) -> "tuple[Any, ...]":
        arguments = (self.app.name, self.__wrapped__, self.name)
        return _unpickled, arguments, {"_overrides": self._overrides}

    def __repr__(self) -> str:
        return "<burrow.Cls %s of %s>" % (self.name, self.app.name)


class Obj(Scaled):
    """The instances with certain parameters: one here, made when it is needed, and one in each container.

    Methods have `remote`, `local` and their kin; other attributes are those of the instance here.
    """

    def __init__(self, cls: Cls, parameters: "dict[str, Any] | None") -> None:
        """`parameters` are checked ones; None: the defaults, which are looked for when they are needed."""
        self._burrow_cls = cls
        self._burrow_parameters = parameters
        self._burrow_instance: "Any" = None

    def method(self, name: str) -> "BoundMethod":
        """The method of that name, to be called."""
        return BoundMethod(self, self._burrow_cls.parts.methods[name])

    def _containers(self) -> CallTarget:
        return self._target("")

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("_burrow") or name.startswith("__"):
            raise AttributeError(name)
        if name in self._burrow_cls.parts.methods:
            return self.method(name)
        return getattr(self._local(), name)

    def _local(self) -> "Any":
        """The instance of this process, after its enter hooks."""
        if self._burrow_instance is None:
            cls = self._burrow_cls
            instance = _class_parts.construct(cls.__wrapped__, self._burrow_values())
            instance.__dict__[_class_parts.REMOTE] = self._method_of_instance
            for name in cls.parts.enter_hooks():
                _finish(getattr(instance, name)())
            self._burrow_instance = instance
        return self._burrow_instance

    def _burrow_values(self) -> "dict[str, Any]":
        """Every parameter's value. Raises InvalidError where one without default is missing."""
        if self._burrow_parameters is None:
            cls = self._burrow_cls
            self._burrow_parameters = _class_parts.check_values(cls.name, cls.parts, {})
        return self._burrow_parameters

    def _method_of_instance(self, name: str, bound: "Callable[..., Any]") -> "BoundMethod":
        return BoundMethod(self, self._burrow_cls.parts.methods[name], bound)

    def _target(self, method: str) -> CallTarget:
        cls = self._burrow_cls
        target = cls._target(method)
        if cls.parts.parameters or cls._overrides:
            values = self._burrow_values() if cls.parts.parameters else {}
            target.function_id = target.calls.bind(target.function_id, values, cls._overrides)
        return target

    def __repr__(self) -> str:
        values = ", ".join(
            "%s=%r" % item for item in sorted((self._burrow_parameters or {}).items())
        )
        return "<burrow.Obj %s(%s)>" % (self._burrow_cls.name, values)


class BoundMethod(_AnyCallee):
    """A method of an Obj. Calling it runs it here."""

    _burrow_decorated = True

    def __init__(
        self, owner: Obj, method: "Method", bound: "Callable[..., Any] | None" = None
    ) -> None:
        self._owner = owner
        self._method = method
        self._bound = bound
        self.name = "%s.%s" % (owner._burrow_cls.name, method.name)
        self.__wrapped__ = method.raw.__get__(owner)  # for its signature
        self.__name__ = method.name
        self.__doc__ = getattr(method.raw, "__doc__", None)

    @property
    def is_generator(self) -> bool:
        """Whether the method yields, so that it is called by remote_gen()."""
        return self._method.is_generator

    def __call__(self, *args: "Any", **kwargs: "Any") -> "Any":
        return self.local(*args, **kwargs)

    def local(self, *args: "Any", **kwargs: "Any") -> "Any":
        """Runs the method here, on an instance of this process."""
        if self._bound is None:
            self._bound = self._method.raw.__get__(self._owner._local())
        return self._bound(*args, **kwargs)

    def _target(self) -> CallTarget:
        return self._owner._target(self._method.name)

    def __repr__(self) -> str:
        return "<burrow method %s>" % self.name


def served_method(name: str, bound: "Callable[..., Any]") -> BoundMethod:
    """A method of the instance that this container serves, to be called in any container of its class.

    Raises:
        InvalidError: the instance is another one, made by hand.
    """
    instance = getattr(bound, "__self__", None)
    if instance is None or instance is not _class_parts.served_instance:
        raise InvalidError(
            "%s() belongs to an instance that was made by hand, which only this process has: "
            "call it by .local(), or make the instance by the decorated class." % name
        )
    return Obj(_served_class(type(instance)), _class_parts.served_values)._method_of_instance(
        name, bound
    )


def _served_class(user_class: type) -> Cls:
    served = _calling.served
    if isinstance(served, Cls):
        return served
    # It came by value, and knows nothing of its app but what the container does.
    from burrow.app import App
    from burrow.function import FunctionOptions

    return Cls(App("app"), user_class, os.environ.get("BURROW_FUNCTION", ""), FunctionOptions())


def _finish(outcome: "Any") -> None:
    """Awaits what an async hook has only begun."""
    if hasattr(type(outcome), "__await__"):
        import asyncio

        asyncio.run(_awaited(outcome))


async def _awaited(outcome: "Any") -> "Any":
    return await outcome


def _unpickled(app_name: str, user_class: type, name: str) -> Cls:
    from burrow.app import App

    return App(app_name).cls(name=name)(user_class)
