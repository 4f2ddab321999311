"""Images: the filesystem that a function's containers start from, written as a recipe."""

from __future__ import annotations

from burrow._image_files import FileSteps, check_ignore
from burrow._image_imports import Imports
from burrow._image_packages import PackageSteps
from burrow._image_settings import SettingSteps
from burrow._options import check_text
from burrow._recipe import Conditions, absolute_local, check_version
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from burrow._image_files import Ignore
    from burrow.secret import Secret


class Image(PackageSteps, FileSteps, SettingSteps):
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

    __slots__ = ()

    @staticmethod
    def debian_slim(python_version: "str | None" = None, *, force_build: bool = False) -> "Image":
        """A small Debian with python3, of the server's own Debian release.

        Args:
            python_version: "3.9", "3.11" or "3.13", which Debian 11, 12 and 13 have; the release's
                own otherwise. For others begin with from_registry("HOST/python:3.12-slim").
            force_build: make it anew, with the newest versions of its packages.
        """
        version = check_version(python_version)
        conditions = Conditions(force_build=force_build)
        return Image((("base", ("debian_slim", version), conditions),))

    @staticmethod
    def from_registry(
        tag: str,
        secret: "Secret | None" = None,
        *,
        add_python: "str | None" = None,
        force_build: bool = False,
    ) -> "Image":
        """What a registry has at "HOST/NAME[:TAG]"; for functions it must hold python3 >= 3.8.

        HOST may lack where burrowd has a default registry.

        The registry is asked once: another image under the same tag is not noticed later. The
        login is the one that `docker login` left on this machine, unless there is a secret.

        Args:
            secret: has REGISTRY_USERNAME and REGISTRY_PASSWORD.
            add_python: a version such as "3.11": installs python3 by the image's own package
                manager where the image has none.
            force_build: ask the registry again, which may have another image under the tag now.
        """
        check_text("A reference", tag)
        conditions = Conditions(() if secret is None else (secret,), force_build=force_build)
        return Image((("base", ("registry:" + tag, None), conditions),))._add_python(add_python)

    @staticmethod
    def from_dockerfile(
        path: str,
        context: "str | None" = None,
        build_args: "dict[str, str] | None" = None,
        *,
        context_dir: "str | None" = None,
        target: "str | None" = None,
        ignore: "Ignore | None" = None,
        add_python: "str | None" = None,
        env: "dict[str, str] | None" = None,
        secrets: "Sequence[Secret]" = (),
        force_build: bool = False,
    ) -> "Image":
        """What a Dockerfile of this machine makes.

        Args:
            context: the directory that COPY and ADD read; the Dockerfile's own otherwise.
            build_args: values for ARG.
            context_dir: another name of `context`.
            target: the stage to build; the last one otherwise.
            ignore: paths of the context to leave out: patterns, or a function that is given a
                relative path. Otherwise what PATH.dockerignore says, or the context's .dockerignore.
            add_python: as of `from_registry`.
            env, secrets, force_build: as of `run_commands`; what RUN sees.
        """
        if context is not None and context_dir is not None:
            raise InvalidError("context and context_dir are two names of one directory: give one.")
        context = context_dir if context is None else context
        if not isinstance(build_args or {}, dict):
            raise InvalidError("build_args must be a dict of strings.")
        arguments = tuple(sorted((build_args or {}).items()))
        for name, value in arguments:
            if not isinstance(name, str) or not name or not isinstance(value, str):
                raise InvalidError("build_args must be a dict of strings, not %r." % (build_args,))
        content = {
            "path": absolute_local(path),
            "name": str(path),
            "context": None if context is None else absolute_local(context),
            "build_args": arguments,
            "target": "" if target is None else check_text("A target", target),
            "ignore": None if ignore is None else check_ignore(ignore),
        }
        conditions = Conditions(secrets, env, force_build)
        return Image((("dockerfile", content, conditions),))._add_python(add_python)

    @staticmethod
    def from_scratch() -> "Image":
        """Nothing at all: for images of files alone. A function needs python3 >= 3.8 in its image."""
        return Image((("base", ("scratch", None), None),))

    def imports(self) -> Imports:
        """A context for imports of what only the image has, at the top of a module.

        Here a failed import in it is no error. In a container of a function that uses the image,
        it is raised when the function is loaded.

        Example:
            with image.imports():
                import torch
        """
        return Imports(self)

    def _add_python(self, version: "str | None") -> "Image":
        if version is None:
            return self
        return self._with("add_python", check_version(version))
