"""Where a module lies on this machine and by which name a container imports it."""

from __future__ import annotations

import os
import sys

from burrow.exception import InvalidError


class ModuleHome:
    """A module's import name and the directory that must be on sys.path for it."""

    __slots__ = ("name", "root", "file")

    def __init__(self, name: str, root: str, file: str) -> None:
        self.name = name
        self.root = root
        self.file = file


def home_of_file(path: str) -> ModuleHome:
    """Name and root of a Python file: of its package, where its directory holds an __init__.py.

    Raises:
        InvalidError: its name is none that a module can have.
    """
    file = os.path.abspath(path)
    root, base = os.path.split(file)
    stem = base[:-3] if base.endswith(".py") else base
    if not stem or "." in stem:
        raise InvalidError("%s cannot be imported, because its name holds a dot: rename it." % path)
    parts = [stem]
    while os.path.isfile(os.path.join(root, "__init__.py")) and os.path.dirname(root) != root:
        root, package = os.path.split(root)
        parts.insert(0, package)
    if len(parts) > 1 and stem == "__init__":
        parts.pop()
    return ModuleHome(".".join(parts), root, file)


def module_name(name: str) -> str:
    """The name by which a container imports the local module `name`."""
    return name if name != "__main__" else home_of_module(name).name


def home_of_module(name: str) -> ModuleHome:
    """Where the loaded module `name` lies.

    Raises:
        InvalidError: it was not loaded from a file, like the cells of a notebook.
    """
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if not file:
        raise InvalidError(
            "The module %r was not loaded from a file: use @app.function(serialized=True)." % name
        )
    if name != "__main__":
        return _home_by_name(name, os.path.abspath(file))
    spec = getattr(module, "__spec__", None)
    if spec is not None and spec.name:  # python -m package.module
        return _home_by_name(spec.name, os.path.abspath(file))
    return home_of_file(file)


def _home_by_name(name: str, file: str) -> ModuleHome:
    depth = name.count(".") + (1 if os.path.basename(file) == "__init__.py" else 0)
    root = os.path.dirname(file)
    for _ in range(depth):
        root = os.path.dirname(root)
    return ModuleHome(name, root, file)
