"""What Function.with_options() gives."""

from __future__ import annotations

from burrow._calling import CallTarget
from burrow.function import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FunctionVariant(Function):  # type: ignore[type-arg]
    """A function with some options changed; the server keeps containers of its own for it."""

    def __init__(self, function: "Function[..., Any]", overrides: "dict[str, Any]") -> None:
        super().__init__(function.app, function.__wrapped__, function.name, function.options)
        self._function = function
        self._overrides = overrides

    @property
    def is_generator(self) -> bool:
        """As the function is."""
        return self._function.is_generator

    def _target(self) -> CallTarget:
        target = self._function._target()
        if self._overrides:
            target.function_id = target.calls.bind(target.function_id, {}, self._overrides)
        return target

    def with_options(self, **options: "Any") -> "Function[..., Any]":
        """As Function.with_options(); what was changed before stays changed."""
        from burrow._overrides import joined, overrides

        return FunctionVariant(self._function, joined(self._overrides, overrides(options)))

    def __reduce__(self) -> "tuple[Any, ...]":
        return FunctionVariant, (self._function, self._overrides)
