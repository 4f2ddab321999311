"""Imports the file that `burrow run` names and finds what to call in it."""

from __future__ import annotations

import os
import sys

from burrow.app import App
from burrow.cls import Cls
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable

    from burrow._calling import Callee
    from burrow.function import Function


class Target:
    """What to call: a local entrypoint, or a function or a method of `cls` that is to be called remotely."""

    __slots__ = ("app", "name", "entrypoint", "function", "cls")

    def __init__(
        self,
        app: App,
        name: str,
        entrypoint: "Callable[..., Any] | None",
        function: "Callee[..., Any] | None",
        cls: "Cls | None" = None,
    ) -> None:
        self.app = app
        self.name = name
        self.entrypoint = entrypoint
        self.function = function
        self.cls = cls

    @property
    def signature_of(self) -> "Callable[..., Any]":
        """The plain function, or the bound method, whose parameters the command line fills."""
        if self.entrypoint is not None:
            return self.entrypoint
        assert self.function is not None
        wrapped: "Callable[..., Any]" = getattr(self.function, "__wrapped__")
        return wrapped

    def take_callee(self, arguments: "dict[str, Any]") -> "Callee[..., Any]":
        """What to call remotely; parameters of its class are taken out of `arguments`."""
        assert self.function is not None
        if self.cls is None:
            return self.function
        known = self.cls.parts.parameters
        values = {name: arguments.pop(name) for name in list(arguments) if name in known}
        callee: "Callee[..., Any]" = getattr(self.cls(**values), self.name.rpartition(".")[2])
        return callee


def import_file(path: str) -> "ModuleType":
    """Imports a Python file under the name that containers import it by.

    Raises:
        InvalidError: there is no such file, or its name belongs to another module.
        Exception: whatever the file raises.
    """
    if not os.path.isfile(path):
        raise InvalidError("There is no file %s." % path)
    if not path.endswith(".py"):
        raise InvalidError("%s is no Python file: its name must end in .py." % path)
    from burrow._client.modules import home_of_file

    home = home_of_file(path)
    if home.name in sys.modules or home.name.partition(".")[0] in sys.builtin_module_names:
        raise InvalidError(
            "%s is named like Python's own module %s: rename it." % (path, home.name)
        )
    sys.path.insert(0, home.root)
    return load_module(home.name, home.file)


def load_module(name: str, file: str) -> "ModuleType":
    """Imports a file under a name that nothing in sys.modules has, or takes what its package imported."""
    from importlib import import_module
    from importlib.util import module_from_spec, spec_from_file_location

    from burrow.cli.fresh_loader import FreshLoader

    package = name.rpartition(".")[0]
    if package:
        import_module(package)
    if name in sys.modules:  # its package imported it
        return sys.modules[name]
    is_package = os.path.basename(file) == "__init__.py"
    spec = spec_from_file_location(
        name,
        file,
        loader=FreshLoader(name, file),
        submodule_search_locations=[os.path.dirname(file)] if is_package else None,
    )
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def find_target(module: "ModuleType", wanted: str, path: str) -> Target:
    """The entrypoint or function named `wanted`, or the only one.

    Raises:
        InvalidError: there is none, or several; the message lists them.
    """
    apps = {id(value): value for value in vars(module).values() if isinstance(value, App)}
    if not apps:
        raise InvalidError(
            "%s defines no app: it needs a line like app = burrow.App('name')." % path
        )
    entrypoints = [
        Target(app, name, raw, None)
        for app in apps.values()
        for name, raw in app.entrypoints.items()
    ]
    functions = [
        target
        for app in apps.values()
        for name, function in app.functions.items()
        for target in _targets(app, name, function)
    ]
    if wanted:
        for target in entrypoints + functions:
            if target.name == wanted:
                return target
        raise InvalidError(
            "%s has no entrypoint or function named %r; it has %s."
            % (path, wanted, _names(entrypoints + functions) or "none at all")
        )
    candidates = entrypoints or functions
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise InvalidError("%s has no function for the app: decorate one." % path)
    raise InvalidError(
        "%s has several %s: choose one of %s, like burrow run %s::%s"
        % (
            path,
            "entrypoints" if entrypoints else "functions and no local entrypoint",
            _names(candidates),
            path,
            candidates[0].name,
        )
    )


def find_function(module: "ModuleType", wanted: str, path: str) -> "Function[..., Any] | Cls":
    """The function or class named `wanted`, a method standing for its class; or the only one.

    Raises:
        InvalidError: there is none, or several; the message lists them.
    """
    apps = [value for value in vars(module).values() if isinstance(value, App)]
    functions = {name: function for app in apps for name, function in app.functions.items()}
    if not wanted and len(functions) == 1:
        return next(iter(functions.values()))
    name = wanted.partition(".")[0]
    if name in functions:
        return functions[name]
    names = ", ".join(functions) or "none at all"
    if wanted:
        raise InvalidError("%s has no function named %r; it has %s." % (path, wanted, names))
    raise InvalidError("%s has these functions: %s; choose one by ::NAME." % (path, names))


def _targets(app: App, name: str, function: "Function[..., Any] | Cls") -> "list[Target]":
    """A function, or each method of a class."""
    if not isinstance(function, Cls):
        return [Target(app, name, None, function)]
    methods = function.parts.methods
    return [
        Target(app, "%s.%s" % (name, method), None, getattr(function, method), function)
        for method in methods
    ]


def _names(targets: "list[Target]") -> str:
    return ", ".join(target.name for target in targets)
