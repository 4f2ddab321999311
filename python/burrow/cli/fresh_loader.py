"""Imports source as it is: cached bytecode goes by whole seconds and may miss an edit just made."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder, SourceFileLoader

from burrow._client.source import is_foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Sequence


class FreshLoader(SourceFileLoader):
    """Neither reads cached bytecode nor writes it."""

    def get_code(self, fullname: str) -> "CodeType | None":
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class FreshFinder:
    """Finds the user's own modules for FreshLoader, and no others."""

    @staticmethod
    def install() -> None:
        """Comes before the finder of all modules."""
        at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
        sys.meta_path.insert(at, FreshFinder)

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Asked by the import system."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader or not spec.origin:
            return None
        if is_foreign(spec.origin):
            return None
        spec.loader = FreshLoader(name, spec.origin)
        return spec
