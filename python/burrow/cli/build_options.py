"""What `burrow build` was given: the Dockerfile and its context, arguments, secrets, ssh agents."""

from __future__ import annotations

import os
import stat
import sys

from burrow._client.dockerfile_step import MAX_TEXT, decode_dockerfile, read_dockerfile
from burrow._options import check_number, milliseconds
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

_MAX_SECRET = 500 * 1024
_NAMES = ("Dockerfile", "Containerfile")


class BuildSource:
    """A Dockerfile's text, what errors call it, its path, and the directory that it copies from."""

    def __init__(self, name: str, text: str, path: "str | None", context: "str | None") -> None:
        self.name = name
        self.text = text
        self.path = path
        self.context = context


def step_timeout_ms(seconds: "float | None") -> int:
    """What --step-timeout says; 0 where it was not given.

    Raises:
        InvalidError: it is no time that a step may take.
    """
    if seconds is None:
        return 0
    return milliseconds(check_number("--step-timeout", seconds, 0.1, 7 * 86400, "s"))


def find_source(place: str, file: "str | None") -> BuildSource:
    """Understands DIR, FILE and "-"; `file` is what -f named.

    Raises:
        InvalidError: there is no Dockerfile, or it cannot be read.
    """
    if place == "-":
        if file is not None:
            raise InvalidError("-f names a Dockerfile, and so does -: name one of them.")
        return BuildSource("-", _standard_input(), None, None)
    if file == "-":
        return BuildSource("-", _standard_input(), None, _directory(place))
    if file is not None:
        return BuildSource(file, read_dockerfile(file), file, _directory(place))
    path = _file_in(place) if os.path.isdir(place) else place
    if path.endswith(".py"):
        raise InvalidError("%s is a Python file: `burrow run` builds what its app needs." % path)
    return BuildSource(path, read_dockerfile(path), path, os.path.dirname(path) or ".")


def _directory(place: str) -> str:
    if not os.path.isdir(place):
        raise InvalidError("%s is no directory, which the context of -f must be." % place)
    return place


def _file_in(directory: str) -> str:
    for name in _NAMES:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    own = sorted(name for name in os.listdir(directory) if name.endswith(".burrow"))
    if len(own) == 1:
        return os.path.join(directory, own[0])
    if own:
        raise InvalidError("%s has %s: name one of them." % (directory, ", ".join(own)))
    raise InvalidError("%s has no Dockerfile or Containerfile: name one by -f." % directory)


def _standard_input() -> str:
    return decode_dockerfile(sys.stdin.buffer.read(MAX_TEXT + 1), "The standard input")


def build_arguments(values: "Iterable[str]") -> "dict[str, str]":
    """NAME=VALUE, or NAME for a variable of the environment that is left out where it is not set."""
    arguments = {}
    for value in values:
        name, equals, content = value.partition("=")
        if not name:
            raise InvalidError("--build-arg %s has no name." % value)
        if equals:
            arguments[name] = content
        elif name in os.environ:
            arguments[name] = os.environ[name]
    return arguments


def read_secret(text: str) -> "tuple[str, bytes]":
    """The id and the value of "id=ID,src=FILE" or "id=ID,env=NAME".

    Raises:
        InvalidError: it cannot be understood or read; the message never holds the value.
    """
    fields = {"src": "", "env": "", "id": "", "type": ""}
    for item in text.split(","):
        name, equals, value = item.partition("=")
        name = {"source": "src"}.get(name.strip().lower(), name.strip().lower())
        if not equals or name not in fields:
            raise InvalidError("--secret is written id=NAME,src=FILE or id=NAME,env=VARIABLE.")
        fields[name] = value
    if not fields["id"]:
        raise InvalidError("--secret needs an id, as in id=NAME,src=FILE.")
    if fields["type"] == "env" and not fields["env"]:
        fields["env"], fields["src"] = fields["src"] or fields["id"], ""
    if not fields["src"] and not fields["env"]:
        fields["env" if fields["id"] in os.environ else "src"] = fields["id"]
    value_bytes = _variable(fields["env"]) if fields["env"] else _content(fields["src"])
    if len(value_bytes) > _MAX_SECRET:
        raise InvalidError("The secret %s is larger than 500 KiB." % fields["id"])
    return fields["id"], value_bytes


def _variable(name: str) -> bytes:
    if name not in os.environ:
        raise InvalidError("The environment has no %s, which --secret names." % name)
    return os.fsencode(os.environ[name])


def _content(path: str) -> bytes:
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return file.read(_MAX_SECRET + 1)
    except OSError as error:
        raise InvalidError("Cannot read the secret %s: %s." % (path, error.strerror)) from None


def agent_socket(text: str) -> "tuple[str, str]":
    """The id and the path of an ssh agent's socket, of "ID" or "ID=SOCKET".

    Raises:
        InvalidError: there is no such socket.
    """
    name, _, path = text.partition("=")
    path = path or os.environ.get("SSH_AUTH_SOCK", "")
    if not path:
        raise InvalidError("--ssh needs an agent: SSH_AUTH_SOCK is not set, so name its socket.")
    try:
        is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError as error:
        raise InvalidError("Cannot use the ssh agent at %s: %s." % (path, error.strerror)) from None
    if not is_socket:
        raise InvalidError("%s is no socket of an ssh agent." % path)
    return name or "default", path
