"""A by-value pickle that brings the cloudpickle which reads it."""

from __future__ import annotations

import sys
import zlib
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Dict, Optional, Tuple

from burrow.exception import DeserializationError

_NAME = "cloudpickle"
_compressed: Dict[str, bytes] = {}


class Carrier:
    """Pickles into a call of `unpack` on the reading side."""

    def __init__(self, data: bytes, cloudpickle: ModuleType) -> None:
        self._data = data
        self._sources = _sources_of(cloudpickle)

    def __reduce__(self) -> Tuple[Any, ...]:
        return unpack, (self._data, self._sources, "%d.%d" % sys.version_info[:2])


def unpack(data: bytes, sources: Dict[str, bytes], writer: str) -> Any:
    """Reads what a Carrier holds. Raises DeserializationError for another Python's byte code."""
    here = "%d.%d" % sys.version_info[:2]
    if writer != here:
        raise DeserializationError(
            "code was pickled by value with Python %s and cannot run on Python %s: use an image "
            "with Python %s, or define it in a module and without serialized=True"
            % (writer, here, writer)
        )
    if _NAME not in sys.modules and sources:
        sys.meta_path.insert(0, _CarriedModules(sources))
        __import__(_NAME)
    from burrow._serialization import loads

    return loads(data)


def _sources_of(cloudpickle: ModuleType) -> Dict[str, bytes]:
    """The package's modules, compressed; read once."""
    loader = getattr(cloudpickle.__spec__, "loader", None)
    if isinstance(loader, _CarriedModules):
        return loader.sources
    if not _compressed:
        from pathlib import Path

        for path in sorted(Path(str(cloudpickle.__file__)).parent.glob("*.py")):
            _compressed[path.stem] = zlib.compress(path.read_bytes(), 9)
    return _compressed


class _CarriedModules(MetaPathFinder, Loader):
    """Imports cloudpickle from memory."""

    def __init__(self, sources: Dict[str, bytes]) -> None:
        self.sources = sources

    def find_spec(
        self, fullname: str, path: Any = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        package, _, name = fullname.partition(".")
        if package != _NAME or (name or "__init__") not in self.sources:
            return None
        return ModuleSpec(fullname, self, is_package=not name)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__.partition(".")[2] or "__init__"
        source = zlib.decompress(self.sources[name])
        exec(compile(source, "<carried %s>" % module.__name__, "exec"), module.__dict__)
