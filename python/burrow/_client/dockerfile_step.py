"""The DockerfileStep message: a Dockerfile's text with the context that it copies from."""

from __future__ import annotations

import os
import re

from burrow._client.context import ignore_patterns, read_context
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from burrow._client.compiled_image import CompiledImage
    from burrow._client.context import Ignore

MAX_TEXT = 4 * 1024 * 1024
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)|\s--from=(\S+)|[,=]from=([^\s,]+)", re.I | re.M)
_ARG = re.compile(r"^\s*ARG\s+(\w+)=[\"']?([^\s\"']*)", re.I | re.M)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")


def read_dockerfile(path: str) -> str:
    """A Dockerfile's text.

    Raises:
        InvalidError: it cannot be read, or is no text.
    """
    try:
        with open(path, "rb") as file:
            return decode_dockerfile(file.read(MAX_TEXT + 1), path)
    except OSError as error:
        raise InvalidError("Cannot read %s: %s." % (path, error.strerror)) from None


def decode_dockerfile(data: bytes, name: str) -> str:
    """The text of a Dockerfile that errors call `name`."""
    if len(data) > MAX_TEXT:
        raise InvalidError("%s is larger than %d MiB." % (name, MAX_TEXT >> 20))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError("%s is not UTF-8 at byte %d." % (name, error.start)) from None


def dockerfile_step(content: "dict[str, Any]", compiled: "CompiledImage") -> None:
    """Adds the step of Image.from_dockerfile()."""
    path = content["path"]
    context = content["context"] or os.path.dirname(path)
    ignore = content["ignore"]
    if ignore is None:
        ignore = ignore_patterns(context, path)
    append_dockerfile(
        compiled,
        content["name"],
        read_dockerfile(path),
        context,
        ignore,
        dict(content["build_args"]),
        content["target"],
    )


def commands_step(content: "tuple[str, str | None]", compiled: "CompiledImage") -> None:
    """Adds the step of Image.dockerfile_commands()."""
    text, context = content
    ignore = None if context is None else ignore_patterns(context, None)
    append_dockerfile(compiled, "dockerfile_commands()", text, context, ignore, {}, "")


def append_dockerfile(
    compiled: "CompiledImage",
    name: str,
    text: str,
    context: "str | None",
    ignore: "Ignore",
    build_args: "dict[str, str]",
    target: str,
) -> None:
    """Adds a step; the context is read only where an instruction might need it.

    Raises:
        InvalidError: something in the context cannot be read.
    """
    step: "dict[str, Any]" = {"file": name, "text": text}
    if context is not None and _may_copy(text):
        found = read_context(context, ignore)
        compiled.files.extend(found.files)
        compiled.notes.extend(found.notes)
        step["context"] = compiled.upload_bytes(found.manifest)
    if build_args:
        step["buildArgs"] = dict(sorted(build_args.items()))
    if target:
        step["target"] = target
    compiled.references.extend(registry_references(text, build_args))
    compiled.steps.append({"dockerfile": step})


def _may_copy(text: str) -> bool:
    """Whether the text might read the context: by COPY or ADD, its own or a base's, or by a mount."""
    upper = text.upper()
    return any(word in upper for word in ("COPY", "ADD", "--MOUNT", "FROM"))


def registry_references(text: str, build_args: "dict[str, str]") -> "Iterator[str]":
    """Images with a host that the text seems to need: whose logins the server may be told.

    The server alone understands the text; this takes no more than a look at it.
    """
    values = dict(_ARG.findall(text))
    values.update(build_args)
    for match in _FROM.finditer(text):
        reference = match.group(1) or match.group(2) or match.group(3)
        reference = _VARIABLE.sub(
            lambda found: values.get(found.group(1) or found.group(2), found.group(3) or ""),
            reference,
        )
        host, slash, _ = reference.partition("/")
        if slash and (set(host) & set(".:") or host == "localhost"):
            yield reference
