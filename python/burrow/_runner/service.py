"""What a container serves: a function, or the methods of one instance of a class."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple

    # Awaits what a hook has only begun.
    Finish = Callable[[Any], None]

_CO_COROUTINE = 0x80
_CO_ASYNC_GENERATOR = 0x200


class Service:
    """A plain function, under the name ""."""

    __slots__ = ("methods", "hook")

    def __init__(self, function: Callable[..., Any], is_generator: bool) -> None:
        # Name to function, and whether it yields.
        self.methods: Dict[str, Tuple[Callable[..., Any], bool]] = {"": (function, is_generator)}
        self.hook = ""  # the enter hook that runs

    @property
    def has_async(self) -> bool:
        """Whether an event loop will be needed."""
        return any(is_async(function) for function, _ in self.methods.values())

    def prepare(self, finish: Finish) -> None:
        """Runs what a template keeps for its forks, once. Raises what that raises."""

    def enter(self, finish: Finish) -> None:
        """Runs what else is to run before the first call. Raises what that raises."""

    def exit(self, finish: Finish) -> None:
        """Runs what is to run after the last call, where `enter` has ended well."""


def is_async(function: Any) -> bool:
    """Whether a function belongs into the event loop, as its code says."""
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    return bool(flags & (_CO_COROUTINE | _CO_ASYNC_GENERATOR))
