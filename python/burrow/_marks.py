"""Decorators that say how functions, classes and methods are to be run. They only leave a mark."""

from __future__ import annotations

from burrow._options import check_count, check_flag
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar

    C = TypeVar("C", bound=Callable[..., Any])

_CO_GENERATOR = 0x20
_CO_ASYNC_GENERATOR = 0x200

MAX_INPUTS = 1000
MAX_BATCH_WAIT_MS = 600_000
ABSENT: "Any" = object()

# Names of attributes on what was decorated.
CONCURRENCY = "_burrow_concurrency"
BATCHING = "_burrow_batching"
METHOD = "_burrow_method"
HOOK = "_burrow_hook"


class Concurrency:
    """How many calls one container runs at once, and how many scaling aims at."""

    __slots__ = ("max_inputs", "target_inputs")

    def __init__(self, max_inputs: int, target_inputs: int) -> None:
        self.max_inputs = max_inputs
        self.target_inputs = target_inputs

    def _message(self) -> "dict[str, Any]":
        return {"maxInputs": self.max_inputs, "targetInputs": self.target_inputs}


class Batching:
    """How many calls become one, and how many milliseconds the first of them waits."""

    __slots__ = ("max_batch_size", "wait_ms")

    def __init__(self, max_batch_size: int, wait_ms: int) -> None:
        self.max_batch_size = max_batch_size
        self.wait_ms = wait_ms

    def _message(self) -> "dict[str, Any]":
        return {"maxBatchSize": self.max_batch_size, "batchWaitMs": self.wait_ms}


class MethodMark:
    """A method that can be called remotely; `is_generator` is None where the code tells."""

    __slots__ = ("is_generator",)

    def __init__(self, is_generator: "bool | None") -> None:
        self.is_generator = is_generator


class Parameter:
    """What `burrow.parameter()` leaves in a class."""

    __slots__ = ("default", "init")

    def __init__(self, default: "Any", init: bool) -> None:
        self.default = default
        self.init = init


def method(
    _raw: None = None, *, is_generator: "bool | None" = None
) -> "Callable[[Callable[..., Any]], Any]":
    """Decorates a method of an `@app.cls()` class that can be called remotely.

    Args:
        is_generator: whether it yields; only to be said where the code does not tell, as under
            another decorator.

    Example:
        @app.cls()
        class Model:
            @burrow.method()
            def predict(self, x: int) -> int: ...

        Model().predict.remote(3)
    """
    _need_parentheses(_raw, "method")
    if is_generator is not None:
        check_flag("is_generator", is_generator)

    def decorate(raw: "Callable[..., Any]") -> "Any":
        return _mark(raw, METHOD, MethodMark(is_generator), "method")

    return decorate


def enter(_raw: None = None, *, snap: bool = False) -> "Callable[[Callable[..., Any]], Any]":
    """Decorates a method that a container runs once, before its first call.

    If it raises, every call that waits fails with that error. `snap=True` says that what it does can
    be shared by several containers; those methods run first.
    """
    _need_parentheses(_raw, "enter")
    kind = "snap_enter" if check_flag("snap", snap) else "enter"
    return lambda raw: _mark(raw, HOOK, kind, "enter")


def exit(_raw: None = None) -> "Callable[[Callable[..., Any]], Any]":
    """Decorates a method that a container runs before it stops, within some seconds.

    It is not run when the container is killed or crashes.
    """
    _need_parentheses(_raw, "exit")
    return lambda raw: _mark(raw, HOOK, "exit", "exit")


def concurrent(
    _raw: None = None, *, max_inputs: int, target_inputs: "int | None" = None
) -> "Callable[[C], C]":
    """Lets each container of a function or class run several calls at once.

    Calls of async functions are tasks of one event loop, others have a thread each.

    Args:
        max_inputs: at most so many at once.
        target_inputs: containers are started so that each has about so many; max_inputs otherwise.

    Example:
        @app.function()
        @burrow.concurrent(max_inputs=100, target_inputs=80)
        async def fetch(url: str) -> str: ...
    """
    _need_parentheses(_raw, "concurrent")
    checked = concurrency(max_inputs, target_inputs)
    return lambda raw: _mark(raw, CONCURRENCY, checked, "concurrent")


def concurrency(max_inputs: int, target_inputs: "int | None") -> Concurrency:
    """What @concurrent() was given, checked. Raises InvalidError."""
    high = check_count("max_inputs", max_inputs, 1, MAX_INPUTS)
    target = high
    if target_inputs is not None:
        target = check_count("target_inputs", target_inputs, 1, MAX_INPUTS)
        if target > high:
            raise InvalidError("target_inputs (%d) is above max_inputs (%d)." % (target, high))
    return Concurrency(high, target)


def batched(
    _raw: None = None, *, max_batch_size: int, wait_ms: int
) -> "Callable[[Callable[..., Any]], Any]":
    """Makes one call of the function out of several, whose arguments come as lists.

    It returns a list with one element for each of them, in their order. If it raises, all raise.

    Args:
        max_batch_size: at most so many calls together.
        wait_ms: how long the first of them waits for more, in milliseconds.

    Example:
        @app.function()
        @burrow.batched(max_batch_size=8, wait_ms=100)
        def double(numbers: list[int]) -> list[int]:
            return [2 * number for number in numbers]

        double.remote(4)  # 8
    """
    _need_parentheses(_raw, "batched")
    checked = batching(max_batch_size, wait_ms)
    return lambda raw: _mark(raw, BATCHING, checked, "batched")


def batching(max_batch_size: int, wait_ms: int) -> Batching:
    """What @batched() was given, checked. Raises InvalidError."""
    size = check_count("max_batch_size", max_batch_size, 1, MAX_INPUTS)
    return Batching(size, check_count("wait_ms", wait_ms, 0, MAX_BATCH_WAIT_MS))


def parameter(*, default: "Any" = ABSENT, init: bool = True) -> "Any":
    """A value by which the instances of an `@app.cls()` class differ; each has its own containers.

    The annotation tells the type: str, int, bool or bytes.

    Args:
        default: where a caller gives none; without it callers must give one.
        init: False for an attribute that callers cannot give.

    Example:
        @app.cls()
        class Model:
            size: int = burrow.parameter(default=3)

        Model(size=5).predict.remote(1)
    """
    return Parameter(default, check_flag("init", init))


def yields(function: object) -> bool:
    """Whether calling a function makes a generator."""
    code = getattr(function, "__code__", None)
    return bool(code and code.co_flags & (_CO_GENERATOR | _CO_ASYNC_GENERATOR))


def _need_parentheses(raw: object, name: str) -> None:
    if raw is not None:
        raise InvalidError(
            "Write @burrow.%s(...) with parentheses, and options by their names." % name
        )


def _mark(raw: "Any", attribute: str, mark: object, name: str) -> "Any":
    if hasattr(type(raw), "_burrow_decorated"):
        raise InvalidError(
            "@burrow.%s() is written below @app.function() or @app.cls(), not above it." % name
        )
    if not callable(raw):
        raise InvalidError("@burrow.%s() decorates functions, not %r." % (name, raw))
    if isinstance(raw, type) and attribute != CONCURRENCY:
        raise InvalidError("@burrow.%s() decorates functions, not classes." % name)
    setattr(raw, attribute, mark)
    return raw
