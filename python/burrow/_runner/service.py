"""What a container serves: a function, or the methods of one instance of a class."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple

    # Awaits what a hook has only begun.
    Finish = Callable[[Any], None]


class Service:
    """A plain function, under the name ""."""

    __slots__ = ("methods", "hook")

    def __init__(self, function: Callable[..., Any], is_generator: bool) -> None:
        # Name to function, and whether it yields.
        self.methods: Dict[str, Tuple[Callable[..., Any], bool]] = {"": (function, is_generator)}
        self.hook = ""  # the enter hook that runs

    def enter(self, finish: Finish) -> None:
        """Runs what is to run before the first call. Raises what that raises."""

    def exit(self, finish: Finish) -> None:
        """Runs what is to run after the last call, where `enter` has ended well."""
