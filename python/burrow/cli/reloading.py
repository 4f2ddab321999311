"""A program whose modules can be imported anew while the old ones are in use."""

from __future__ import annotations

import os
import sys

from burrow._client.modules import home_of_file
from burrow._client.source import is_foreign
from burrow.cli.deploy import find_app
from burrow.cli.fresh_loader import FreshFinder
from burrow.cli.load_app import import_file, load_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Collection

    from burrow.app import App


class Program:
    """A Python file with an app.

    Args:
        path: the file.
        variable: the variable that holds the app, or "" for the only one.
    """

    def __init__(self, path: str, variable: str) -> None:
        self.file = os.path.abspath(path)
        self._path = path
        self._variable = variable

    def load(self) -> "App":
        """Imports it for the first time.

        Raises:
            InvalidError: there is no such file or app.
            Exception: whatever the file raises.
        """
        FreshFinder.install()
        return find_app(import_file(self._path), self._variable, self._path)

    def reload(self, files: "Collection[str]") -> "App":
        """Imports it and the modules of `files` anew. Whatever it raises, the old modules stay.

        Raises:
            InvalidError: there is no app any more.
            BaseException: whatever the files raise.
        """
        from importlib import invalidate_caches

        home = home_of_file(self._path)
        before = dict(sys.modules)
        for name, module in before.items():
            if name != "__main__" and (name == home.name or _file_of(module) in files):
                del sys.modules[name]
        invalidate_caches()
        try:
            return find_app(load_module(home.name, home.file), self._variable, self._path)
        except BaseException:
            _restore(before)
            raise


def _restore(before: "dict[str, ModuleType]") -> None:
    for name, module in list(sys.modules.items()):
        file = _file_of(module)
        if name not in before and file and not is_foreign(file):
            del sys.modules[name]
    sys.modules.update(before)


def _file_of(module: "ModuleType") -> str:
    file = getattr(module, "__file__", None)
    return os.path.abspath(file) if isinstance(file, str) else ""
