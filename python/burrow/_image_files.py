"""Steps of images that add files of this machine."""

from __future__ import annotations

from burrow._recipe import Recipe, absolute_local, absolute_path, some, texts
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence, Union

    from typing_extensions import Self

    # Patterns as in .dockerignore, or a function of the relative path.
    Ignore = Union[Sequence[str], Callable[[str], bool]]


class FileSteps(Recipe):
    """What burrow.Image can take from this machine."""

    __slots__ = ()

    def add_local_file(self, local_path: str, remote_path: str, *, copy: bool = True) -> "Self":
        """Adds a file of this machine.

        Args:
            remote_path: its path in the image, or ends in "/" for a directory.
            copy: whether it is part of the image, so that later steps have it. Otherwise it is laid
                into containers when these start, read-only: a change of it builds nothing anew, and
                no step that builds may follow.
        """
        local = absolute_local(local_path)
        if remote_path.endswith("/"):
            remote_path += local.rpartition("/")[2]
        kind = "add_file" if copy else "attach_file"
        return self._with(kind, (local, absolute_path("add_local_file()", remote_path)))

    def add_local_dir(
        self, local_path: str, remote_path: str, *, copy: bool = True, ignore: "Ignore" = ()
    ) -> "Self":
        """Adds the regular files below a directory of this machine, `__pycache__` left out.

        Args:
            copy: as of `add_local_file`. What the image has at `remote_path` is hidden by a directory
                that is laid into containers.
            ignore: patterns of paths to leave out, as in .dockerignore, or a function that is given
                a relative path and says whether to leave it out.
        """
        content = (absolute_local(local_path), absolute_path("add_local_dir()", remote_path))
        checked = check_ignore(ignore)
        kind = "add_dir" if copy else "attach_dir"
        return self._with(kind, content + ((checked,) if checked else ()))

    def add_local_python_source(
        self, *modules: str, copy: bool = False, ignore: "Ignore" = ()
    ) -> "Self":
        """Makes local modules and packages importable, by the names by which they are imported here.

        Args:
            copy: whether they are part of the image, so that later steps can import them. Otherwise
                they are laid into the containers of each app that uses the image when these
                start: a change of them builds nothing anew.
            ignore: paths to leave out, as of `add_local_dir`; only *.py files are taken anyway.
        """
        names = some(texts("A module", modules), "add_local_python_source() needs a module.")
        for name in names:
            if not all(part.isidentifier() for part in name.split(".")):
                raise InvalidError("%r is no name of a module." % name)
        kind = "bake_python" if copy else "attach_python"
        return self._with(kind, (names, check_ignore(ignore)))


def check_ignore(ignore: "Ignore") -> "Ignore":
    """Patterns as a tuple, or the function."""
    if callable(ignore):
        return ignore
    if isinstance(ignore, str):
        raise InvalidError("ignore must be a list of patterns, or a function.")
    return texts("A pattern", ignore)
