"""Serves the methods of one instance of the user's class."""

from __future__ import annotations

import sys

from burrow import _class_parts
from burrow._runner.service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    from burrow._runner.service import Finish


class ClassService(Service):
    """Makes the instance when it is entered."""

    __slots__ = ("_class", "_parts", "_values", "_made", "_instance")

    def __init__(self, user_class: type, header: Dict[str, Any]) -> None:
        """Raises InvalidError where the class and what the header says do not fit."""
        self._class = user_class
        self._parts = _class_parts.parts_of(user_class)
        given = {one["name"]: _value(one) for one in header.get("parameters") or ()}
        self._values = _class_parts.check_values(user_class.__name__, self._parts, given)
        self._made: Any = None  # prepared
        self._instance: Any = None  # entered
        self.hook = ""
        self.methods = {
            name: (method.raw, method.is_generator) for name, method in self._parts.methods.items()
        }

    def prepare(self, finish: Finish) -> None:
        if self._made is not None:
            return
        self.hook = "__init__"
        instance = _class_parts.construct(self._class, self._values)
        _class_parts.served_instance, _class_parts.served_values = instance, self._values
        self.methods = {
            name: (method.raw.__get__(instance), method.is_generator)
            for name, method in self._parts.methods.items()
        }
        self._run_hooks("snap_enter", instance, finish)
        self._made = instance

    def enter(self, finish: Finish) -> None:
        self.prepare(finish)
        self._run_hooks("enter", self._made, finish)
        self._instance = self._made

    def _run_hooks(self, kind: str, instance: Any, finish: Finish) -> None:
        for name in self._parts.hooks_of(kind):
            self.hook = name
            finish(getattr(instance, name)())

    def exit(self, finish: Finish) -> None:
        instance, self._instance = self._instance, None
        if instance is None:
            return
        for name in self._parts.hooks_of("exit"):
            try:
                finish(getattr(instance, name)())
            except Exception:
                import traceback

                print("%s.%s(), which ends the container, raised:" % (self._class.__name__, name))
                traceback.print_exc(file=sys.stderr)


def _value(parameter: Dict[str, Any]) -> Any:
    if "data" in parameter:
        return bytes.fromhex(parameter["data"])
    return parameter["value"]
