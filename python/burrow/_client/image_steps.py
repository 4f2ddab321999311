"""Compiles an image's recipe into the steps of the API, hashing the local files that it adds."""

from __future__ import annotations

from burrow._client.files import check_total, hash_file, list_directory
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from burrow._client.digest_cache import DigestCache
    from burrow._client.files import LocalFile
    from burrow.image import Image


def compile_steps(
    image: "Image", cache: "DigestCache"
) -> "tuple[list[dict[str, Any]], list[LocalFile]]":
    """The ImageStep messages of a recipe and the files that they need on the server.

    Raises:
        InvalidError: a local file or directory cannot be read.
    """
    steps: "list[dict[str, Any]]" = []
    needed: "list[LocalFile]" = []
    for kind, content in image._steps:
        if kind in ("add_file", "add_dir"):
            step, files = _add_files(kind, content, cache)
            needed.extend(files)
            steps.append(step)
        else:
            steps.append(_SIMPLE[kind](content))
    check_total(needed, "What the image adds from this machine")
    return steps, needed


_SIMPLE: "dict[str, Callable[[Any], dict[str, Any]]]" = {
    "base": lambda name: {"base": {"name": name}},
    "apt_install": lambda packages: {"aptInstall": {"packages": list(packages)}},
    "run": lambda commands: {"run": {"commands": list(commands)}},
    "env": lambda variables: {"env": {"variables": variables}},
    "workdir": lambda path: {"workdir": {"path": path}},
}


def _add_files(
    kind: str, content: "tuple[str, str]", cache: "DigestCache"
) -> "tuple[dict[str, Any], list[LocalFile]]":
    local, remote = content
    single = kind == "add_file"
    if single:
        listed = [(remote.rpartition("/")[2], local)]
    else:
        listed = list_directory(local, lambda name: name == "__pycache__")
    files = [hash_file(path, source, cache) for path, source in listed]
    if not files:
        raise InvalidError("%s holds no file that the image could add." % local)
    message: "dict[str, Any]" = {"destination": remote, "files": [file.message() for file in files]}
    if single:
        message["singleFile"] = True
    return {"addFiles": message}, files
