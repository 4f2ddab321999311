"""Finds objects of `__main__` in a value, where cloudpickle is not there to carry them."""

from __future__ import annotations

import io
import pickle
from typing import Any, Optional


def name_in_main(obj: Any) -> Optional[str]:
    """The name of a class or function of `__main__` that pickling `obj` refers to, or None."""
    finder = _Finder(io.BytesIO(), protocol=5)
    finder.dump(obj)
    return finder.found


class _Finder(pickle.Pickler):
    found: Optional[str] = None

    def reducer_override(self, obj: Any) -> Any:
        if getattr(obj, "__module__", None) == "__main__" and hasattr(obj, "__qualname__"):
            self.found = obj.__qualname__
        return NotImplemented
