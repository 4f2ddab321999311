"""Collects the local source files that an app's functions need in their containers."""

from __future__ import annotations

import os
import re
import sys

from burrow._client.dockerignore import IgnoreFilter
from burrow._client.files import MAX_FILES, check_total, hash_file, list_directory
from burrow._client.modules import home_of_module
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator

    from burrow._client.digest_cache import DigestCache
    from burrow._client.files import LocalFile
    from burrow.cls import Cls
    from burrow.function import Function

MAX_SOURCE = 256 * 1024 * 1024
_MAX_SCANNED = 1024 * 1024
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+([\w., \t]+))", re.M)


def collect_source(
    functions: "Iterable[Function[..., Any] | Cls]",
    cache: "DigestCache",
    attached: "Iterable[tuple[str, Any]]" = (),
) -> "list[LocalFile]":
    """The files that the functions' modules are imported from, hashed.

    That is for a single file: it and the local modules that it imports; for a package: all of it.

    Args:
        attached: further modules, each with what of it is left out.

    Raises:
        InvalidError: a file cannot be read, or there is too much of it.
    """
    found: "dict[str, str]" = {}
    for function in functions:
        if not function.options.serialized:
            _add_module(function.__module__, found)
    for name, ignore in attached:
        ignores = ignore if callable(ignore) else IgnoreFilter(ignore).ignores
        found.update(module_files(name, ignores))
    if len(found) > MAX_FILES:
        raise InvalidError(
            "The app's source has %d files, more than %d: leave data out of its packages."
            % (len(found), MAX_FILES)
        )
    files = [hash_file(path, local, cache) for path, local in sorted(found.items())]
    check_total(files, "The app's source", MAX_SOURCE)
    return files


def needed_files(name: str) -> "dict[str, str]":
    """Path -> local file of a loaded module and of what it imports by its text; for a package: all of it."""
    home = home_of_module(name)
    found: "dict[str, str]" = {}
    if not is_foreign(home.file):
        _add_files([home.file], home.root, found)
    return found


def module_files(name: str, ignores: "Callable[[str], bool]") -> "dict[str, str]":
    """Path -> local file of what `import name` would load here; the *.py files of a package.

    Raises:
        InvalidError: there is no such module, or it is not written in Python.
    """
    from importlib.util import find_spec

    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise InvalidError("There is no module %s on this machine." % name)
    base = name.replace(".", "/")
    found: "dict[str, str]" = {}
    for directory in spec.submodule_search_locations or ():
        for inner, local in list_directory(directory, _is_skipped):
            if inner.endswith(".py"):
                found.setdefault(base + "/" + inner, local)
    if spec.submodule_search_locations is None and (spec.origin or "").endswith(".py"):
        found[base + ".py"] = os.path.abspath(str(spec.origin))
    _add_parents(name, found)
    found = {path: local for path, local in found.items() if not ignores(path)}
    if not found:
        raise InvalidError("The module %s has no *.py file that could be added." % name)
    return found


def _add_parents(name: str, found: "dict[str, str]") -> None:
    """The __init__.py of the packages that a module is in: without them it is not importable."""
    parts = name.split(".")
    for length in range(1, len(parts)):
        module = sys.modules.get(".".join(parts[:length]))
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith("__init__.py"):
            found["/".join(parts[:length]) + "/__init__.py"] = os.path.abspath(file)


def _add_module(name: str, found: "dict[str, str]") -> None:
    home = home_of_module(name)
    if is_foreign(home.file) or _relative(home.file, home.root) in found:
        return
    queue = [home.file]
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and _is_local(file, home.root):
            queue.append(os.path.abspath(file))
    _add_files(queue, home.root, found)


def _add_files(queue: "list[str]", root: str, found: "dict[str, str]") -> None:
    """Adds the files, the packages that they are in, and what they import by their text."""
    while queue:
        file = queue.pop()
        path = _relative(file, root)
        if path in found:
            continue
        found[path] = file
        package = path.partition("/")[0]
        if os.path.isfile(os.path.join(root, package, "__init__.py")):
            for inner, local in list_directory(os.path.join(root, package), _is_skipped):
                found.setdefault(package + "/" + inner, local)
        queue.extend(_imported_files(file, root))


def _imported_files(file: str, root: str) -> "Iterator[str]":
    """Local files that a source file imports, also inside functions that have not run yet."""
    if not file.endswith(".py"):
        return
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            text = stream.read(_MAX_SCANNED)
    except OSError:
        return
    for match in _IMPORT.finditer(text):
        for item in (match.group(1) or match.group(2)).split(","):
            parts = item.split()
            name = parts[0] if parts else ""
            for candidate in _candidates(name):
                local = os.path.join(root, candidate)
                if os.path.isfile(local) and _is_local(local, root):
                    yield local
                    break


def _candidates(name: str) -> "Iterator[str]":
    """Files that could define the module `name`, of the dotted path's longest prefix first."""
    parts = [part for part in name.split(".") if part]
    for length in range(len(parts), 0, -1):
        base = os.path.join(*parts[:length])
        yield base + ".py"
        yield os.path.join(base, "__init__.py")


def _is_skipped(directory: str) -> bool:
    return directory.startswith(".") or directory in ("__pycache__", "site-packages", "venv")


def _is_local(file: str, root: str) -> bool:
    """Whether a file is the user's own: below root, and in no environment, cache or library."""
    file = os.path.abspath(file)
    if not file.startswith(root.rstrip(os.sep) + os.sep) or is_foreign(file):
        return False
    return not any(_is_skipped(part) for part in _relative(file, root).split("/")[:-1])


def is_foreign(file: str) -> bool:
    """Whether a file belongs to Python, to an installed package or to Burrow, and so never travels."""
    if any(part in ("site-packages", "dist-packages") for part in file.split(os.sep)):
        return True
    return file.startswith(_foreign_roots())


def _foreign_roots() -> "tuple[str, ...]":
    library = os.path.dirname(os.path.abspath(os.__file__))
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return library + os.sep, package + os.sep


def _relative(file: str, root: str) -> str:
    return os.path.relpath(file, root).replace(os.sep, "/")
