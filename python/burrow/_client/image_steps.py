"""Compiles an image's recipe into the steps of the API, hashing the local files that it needs."""

from __future__ import annotations

from burrow._client.compiled_image import CompiledImage
from burrow._client.dockerignore import IgnoreFilter
from burrow._client.files import check_total, hash_file, list_directory
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

    from burrow._client.digest_cache import DigestCache
    from burrow._client.files import LocalFile
    from burrow.image import Image

# Where add_local_python_source(copy=True) puts modules.
BAKED_SOURCE = "/opt/burrow-source"
_REGISTRY = "registry:"


def compile_steps(image: "Image", cache: "DigestCache") -> CompiledImage:
    """The ImageStep messages of a recipe, and what they need on the server.

    Raises:
        InvalidError: something of this machine cannot be read, or makes no sense.
    """
    compiled = CompiledImage()
    for kind, content, conditions in image._steps:
        simple = _SIMPLE.get(kind)
        if simple is not None:
            compiled.steps.append(simple(content))
        elif not kind.startswith("attach_"):
            _READING[kind](content, compiled, cache)
        if conditions is not None:
            compiled.add_conditions(conditions)
    check_total(compiled.files, "What the image adds from this machine")
    return compiled


def attached_modules(images: "Iterable[Image]") -> "list[tuple[str, Any]]":
    """(module, what to ignore) of the modules that are laid into containers when these start."""
    found: "dict[str, Any]" = {}
    for image in images:
        for kind, content, _ in image._steps:
            if kind == "attach_python":
                found.update((name, content[1]) for name in content[0])
    return list(found.items())


_SIMPLE: "dict[str, Callable[[Any], dict[str, Any]]]" = {
    "apt_install": lambda packages: {"aptInstall": {"packages": list(packages)}},
    "run": lambda commands: {"run": {"commands": list(commands)}},
    "env": lambda variables: {"env": {"variables": dict(sorted(variables.items()))}},
    "workdir": lambda path: {"workdir": {"path": path}},
    "add_python": lambda version: {"addPython": {"version": version}},
    "start": lambda content: {"start": _start(*content)},
    "pip_install": lambda content: {"pipInstall": _pip(*content)},
}


def _start(what: str, value: "Any") -> "dict[str, Any]":
    return {what: value if what == "user" else {"values": list(value)}}


def _pip(kind: str, content: "Any", options: "Any", uv: bool) -> "dict[str, Any]":
    from burrow._client.pip_step import pip_step, pyproject_packages

    if kind == "all":
        packages, requirements, project = content
        if project is not None:
            packages += tuple(pyproject_packages(project, ()))
        kind, content = "mixed", (packages, requirements)
    return pip_step(kind, content, options, uv)


def _base(content: "Any", compiled: CompiledImage, cache: "DigestCache") -> None:
    name, version = content
    message = {"name": name}
    if version is not None:
        message["pythonVersion"] = version
    if name.startswith(_REGISTRY):
        compiled.references.append(name[len(_REGISTRY) :])
    compiled.steps.append({"base": message})


def _add_file(content: "Any", compiled: CompiledImage, cache: "DigestCache") -> None:
    local, remote = content
    file = hash_file(remote.rpartition("/")[2], local, cache)
    message = {"destination": remote, "files": [file.message()], "singleFile": True}
    compiled.files.append(file)
    compiled.steps.append({"addFiles": message})


def _add_directory(content: "Any", compiled: CompiledImage, cache: "DigestCache") -> None:
    _append_files(directory_files(content), content[1], compiled, cache)


def directory_files(content: "Any") -> "list[tuple[str, str]]":
    """(relative path, local path) of what add_local_dir() is to add."""
    local = content[0]
    listed = list_directory(local, lambda name: name == "__pycache__")
    if len(content) > 2:
        ignores = _ignoring(content[2])
        listed = [(path, source) for path, source in listed if not ignores(path)]
    if not listed:
        raise InvalidError("%s holds no file that the image could add." % local)
    return listed


def _bake_python(content: "Any", compiled: CompiledImage, cache: "DigestCache") -> None:
    from burrow._client.source import module_files

    found: "dict[str, str]" = {}
    for name in content[0]:
        found.update(module_files(name, _ignoring(content[1])))
    is_first = not any(
        step.get("addFiles", {}).get("destination") == BAKED_SOURCE for step in compiled.steps
    )
    _append_files(sorted(found.items()), BAKED_SOURCE, compiled, cache)
    if is_first:
        text = "ENV PYTHONPATH=%s${PYTHONPATH:+:${PYTHONPATH}}\n" % BAKED_SOURCE
        step = {"file": "add_local_python_source()", "text": text}
        compiled.steps.append({"dockerfile": step})


def _append_files(
    listed: "list[tuple[str, str]]", remote: str, compiled: CompiledImage, cache: "DigestCache"
) -> None:
    files: "list[LocalFile]" = [hash_file(path, source, cache) for path, source in listed]
    message = {"destination": remote, "files": [file.message() for file in files]}
    compiled.files.extend(files)
    compiled.steps.append({"addFiles": message})


def _ignoring(ignore: "Any") -> "Callable[[str], bool]":
    return ignore if callable(ignore) else IgnoreFilter(ignore).ignores


def _dockerfile(content: "Any", compiled: CompiledImage, cache: "DigestCache") -> None:
    from burrow._client.dockerfile_step import dockerfile_step

    dockerfile_step(content, compiled)


def _commands(content: "Any", compiled: CompiledImage, cache: "DigestCache") -> None:
    from burrow._client.dockerfile_step import commands_step

    commands_step(content, compiled)


def _function(content: "Any", compiled: CompiledImage, cache: "DigestCache") -> None:
    from burrow._client.function_step import function_step

    function_step(content, compiled, cache)


_READING: "dict[str, Callable[[Any, CompiledImage, DigestCache], None]]" = {
    "base": _base,
    "add_file": _add_file,
    "add_dir": _add_directory,
    "bake_python": _bake_python,
    "dockerfile": _dockerfile,
    "dockerfile_commands": _commands,
    "run_function": _function,
}
