"""What a served app's source is at one moment: which files travel, and which functions need which."""

from __future__ import annotations

import os
import re

from burrow._client.attached_files import all_files, attached_files
from burrow._client.digest_cache import DigestCache
from burrow._client.files import hash_file
from burrow._client.image_steps import attached_modules
from burrow._client.session import image_of
from burrow._client.source import collect_source, needed_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from burrow.app import App

# A module that imports by a name it computes may need any other.
_COMPUTED_IMPORT = re.compile(r"\b(?:importlib|__import__|runpy|exec|eval)\b")
_MAX_SCANNED = 1024 * 1024


class SourceState:
    """The files that travel, as they were when `read_source` looked.

    Attributes:
        digests: by local path.
        packaged: those that lie in a package, all of which travels.
        attached: those that an image attaches.
        program: the file that defines the app, which may be nobody's source.
    """

    __slots__ = ("digests", "packaged", "attached", "program")

    def __init__(self, program: str) -> None:
        self.program = program
        self.digests: "dict[str, str]" = {}
        self.packaged: "set[str]" = set()
        self.attached: "set[str]" = set()

    def changed_since(self, before: "SourceState") -> "set[str]":
        """Files that are new, gone, or other than they were."""
        both = set(self.digests) | set(before.digests)
        return {file for file in both if self.digests.get(file) != before.digests.get(file)}

    def directories(self) -> "tuple[set[str], set[str]]":
        """Those to watch, and those of them in which every file counts."""
        plain = {os.path.dirname(file) for file in self.digests}
        whole = {os.path.dirname(file) for file in self.attached}
        packages = {os.path.dirname(file) for file in self.packaged}
        for directory in sorted(packages, key=len):
            if directory not in whole:
                whole.update(_below(directory))
        return plain | whole, whole


def read_source(app: "App", program: str, digests: DigestCache) -> SourceState:
    """The files of an app as they are now, and the file `program` that defines it.

    `digests` spares reading those again that stayed.

    Raises:
        InvalidError: one cannot be read.
    """
    functions = list(app.functions.values())
    images = {image_of(function, app) for function in functions}
    state = SourceState(program)
    for file in collect_source(functions, digests, attached_modules(images)):
        state.digests[file.local] = file.digest
        if "/" in file.path:
            state.packaged.add(file.local)
    for image in images:
        for file in all_files(attached_files(image, digests)):
            state.digests[file.local] = file.digest
            state.attached.add(file.local)
    if program not in state.digests:
        state.digests[program] = hash_file(os.path.basename(program), program, digests).digest
    return state


def touched_functions(app: "App", changed: "set[str]", state: SourceState) -> "set[str]":
    """The functions that may behave otherwise once these files have changed.

    Those that travel by value, and what images attach, show in what a function is published with.
    """
    needed: "dict[str, set[str]]" = {}
    for name, function in app.functions.items():
        if not function.options.serialized:
            needed[name] = set(needed_files(function.__module__).values())
    # What no text imports, and what has gone, may be anybody's.
    common = changed - state.attached - {state.program} - set().union(*needed.values())
    return {
        name
        for name, files in needed.items()
        if common or files & changed or any(_imports_computed(file) for file in files)
    }


def _below(directory: str) -> "set[str]":
    found = set()
    for parent, names, _ in os.walk(directory):
        names[:] = [name for name in names if name[:1] != "." and name != "__pycache__"]
        found.add(parent)
    return found


def _imports_computed(file: str) -> bool:
    if not file.endswith(".py"):
        return False
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            return _COMPUTED_IMPORT.search(stream.read(_MAX_SCANNED)) is not None
    except OSError:
        return True
