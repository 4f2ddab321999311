"""Images: the filesystem that a function's containers start from, written as a recipe."""

from __future__ import annotations

import os

from burrow._options import check_environment, check_text
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Step = tuple[str, Any]


class Image:
    """An immutable recipe; each method returns a longer one. Steps are cached one by one.

    Nothing is read or built before the app runs.

    Example:
        image = (
            burrow.Image.debian_slim()
            .apt_install("python3-numpy")
            .env({"MODE": "fast"})
            .add_local_dir("data", "/data")
        )
    """

    __slots__ = ("_steps",)

    def __init__(self, steps: "tuple[Step, ...]") -> None:
        self._steps = steps

    @staticmethod
    def debian_slim() -> "Image":
        """A small Debian with python3, of the server's own Debian release."""
        return Image((("base", "debian_slim"),))

    @staticmethod
    def from_registry(reference: str) -> "Image":
        """What a registry has at "HOST/NAME[:TAG]"; it must hold python3 >= 3.8.

        The registry is asked once: another image under the same tag is not noticed later. The
        login is the one that `docker login` left on this machine.
        """
        check_text("A reference", reference)
        return Image((("base", "registry:" + reference),))

    def apt_install(self, *packages: str) -> "Image":
        """Installs Debian packages, without recommended ones.

        Raises:
            InvalidError: a name is no Debian package name (optionally with "=version").
        """
        for package in packages:
            check_text("A package", package)
            if package[0] == "-" or any(c.isspace() or c in "'\"\\;&|<>$`" for c in package):
                raise InvalidError("%r is no name of a Debian package." % package)
        return self._with("apt_install", packages, "apt_install() needs at least one package.")

    def run_commands(self, *commands: str) -> "Image":
        """Runs shell commands in the image as root, each by `/bin/sh -c`, in one step."""
        for command in commands:
            check_text("A command", command)
        return self._with("run", commands, "run_commands() needs at least one command.")

    def env(self, variables: "dict[str, str]") -> "Image":
        """Sets environment variables for later steps and for the functions."""
        return self._with("env", check_environment(variables), "env() needs at least one variable.")

    def workdir(self, path: str) -> "Image":
        """Sets the directory in which later steps and the functions start."""
        return self._with("workdir", _absolute("workdir()", path), "")

    def add_local_file(self, local: str, remote: str) -> "Image":
        """Adds a file of this machine; `remote` is its path, or ends in "/" for a directory."""
        local = os.path.abspath(os.path.expanduser(check_text("A local path", os.fspath(local))))
        if remote.endswith("/"):
            remote += os.path.basename(local)
        return self._with("add_file", (local, _absolute("add_local_file()", remote)), "")

    def add_local_dir(self, local: str, remote: str) -> "Image":
        """Adds the regular files below a directory of this machine, `__pycache__` left out."""
        local = os.path.abspath(os.path.expanduser(check_text("A local path", os.fspath(local))))
        return self._with("add_dir", (local, _absolute("add_local_dir()", remote)), "")

    def _with(self, kind: str, content: "Any", complaint_if_empty: str) -> "Image":
        if not content:
            raise InvalidError(complaint_if_empty)
        return Image(self._steps + ((kind, content),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self._steps == other._steps

    def __hash__(self) -> int:
        return hash(repr(self._steps))

    def __repr__(self) -> str:
        return "<burrow.Image %s>" % " ".join(kind for kind, _ in self._steps)


def _absolute(method: str, path: str) -> str:
    check_text("A path in the image", path)
    if not path.startswith("/") or ".." in path.split("/"):
        raise InvalidError(
            "%s needs an absolute path in the image without '..', not %r." % (method, path)
        )
    return path
