"""The PipInstallStep message, from packages or from the files of this machine that name them."""

from __future__ import annotations

import os
import shlex

from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_TEXT = 1024 * 1024
_MAX_INCLUDES = 20
_REQUIRING = ("-r", "--requirement")
_CONSTRAINING = ("-c", "--constraint")


def pip_step(
    kind: str, content: "Any", options: "tuple[tuple[str, Any], ...]", uv: bool
) -> "dict[str, Any]":
    """The message.

    Args:
        kind: "packages", "requirements", "pyproject" or "mixed": what `content` is.
        options: further fields.

    Raises:
        InvalidError: a file cannot be read, or names what only this machine has.
    """
    message: "dict[str, Any]" = {}
    paths: "tuple[str, ...]" = ()
    if kind == "packages":
        message["packages"] = list(content)
    elif kind == "requirements":
        paths = (content,)
    elif kind == "pyproject":
        message["packages"] = pyproject_packages(*content)
    else:
        packages, paths = content
        message["packages"] = list(packages)
    listed = _Listed()
    for path in paths:
        listed.read(path)
    message["requirements"] = listed.requirements
    message["constraints"] = listed.constraints
    for name, value in options:
        message[name] = _words(value) if name == "extraOptions" else _plain(value)
    if uv:
        message["uv"] = True
    return {name: value for name, value in message.items() if value}


def _plain(value: "Any") -> "Any":
    return list(value) if isinstance(value, tuple) else value


def _words(value: "Any") -> "list[str]":
    if isinstance(value, tuple):
        return list(value)
    try:
        return shlex.split(value)
    except ValueError as error:
        raise InvalidError("extra_options %r cannot be read: %s." % (value, error)) from None


class _Listed:
    """What requirements files of this machine name, with the files that they include in their place.

    Attributes:
        requirements, constraints: the texts.
    """

    def __init__(self) -> None:
        self.requirements = ""
        self.constraints = ""

    def read(self, path: str, constrains: bool = False, depth: int = 0) -> None:
        """Takes a file in: `constrains` where its lines install nothing.

        Raises:
            InvalidError: it cannot be read, or names files that the image does not have.
        """
        if depth > _MAX_INCLUDES:
            raise InvalidError("%s is included in a circle." % path)
        for line in _read(path).splitlines():
            option, rest = _option(line.strip())
            inner = os.path.join(os.path.dirname(path), rest)
            if option in _REQUIRING + _CONSTRAINING and rest and "://" not in rest:
                self.read(inner, constrains or option in _CONSTRAINING, depth + 1)
                continue
            if option in ("-e", "--editable") or line.strip().startswith((".", "/")):
                raise InvalidError(
                    "%s has the line %r, which names a file of this machine: add it to the image, "
                    "and install it by run_commands()." % (path, line.strip())
                )
            if constrains:
                self.constraints += line + "\n"
            else:
                self.requirements += line + "\n"


def _option(line: str) -> "tuple[str, str]":
    """The option with which a line begins, and its value: "-r FILE", "-rFILE", "--requirement=FILE"."""
    word, _, rest = line.partition(" ")
    name, _, joined = word.partition("=")
    if name[:2] in ("-r", "-c", "-e"):
        name, joined = word[:2], word[2:]
    return name, (joined or rest).partition(" #")[0].strip()


def pyproject_packages(path: str, groups: "tuple[str, ...]") -> "list[str]":
    """What a pyproject.toml depends on, with the optional groups named.

    Raises:
        InvalidError: it cannot be read, names nothing, or has no such group.
    """
    try:
        import tomllib
    except ImportError:
        raise InvalidError(
            "pip_install_from_pyproject() needs Python 3.11 or newer on this machine: name the "
            "packages by pip_install()."
        ) from None
    try:
        project = tomllib.loads(_read(path)).get("project", {})
        packages = list(project.get("dependencies", ()))
        optional = project.get("optional-dependencies", {})
        for group in groups:
            if group not in optional:
                raise InvalidError("%s has no optional dependencies named %r." % (path, group))
            packages.extend(optional[group])
    except (tomllib.TOMLDecodeError, AttributeError, TypeError) as error:
        raise InvalidError("%s cannot be read as a pyproject.toml: %s." % (path, error)) from None
    if not packages or not all(isinstance(package, str) for package in packages):
        raise InvalidError("%s names no dependencies under [project]." % path)
    return packages


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_TEXT + 1)
        if len(data) > _MAX_TEXT:
            raise InvalidError("%s is larger than %d bytes." % (path, _MAX_TEXT))
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidError("Cannot read %s: %s." % (path, error.strerror)) from None
    except UnicodeDecodeError:
        raise InvalidError("%s is not UTF-8." % path) from None
