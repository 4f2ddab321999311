"""Steps of images that run commands and say what processes start with."""

from __future__ import annotations

from burrow._options import check_count, check_environment, check_number, check_text
from burrow._recipe import (
    Conditions,
    Recipe,
    absolute_local,
    absolute_path,
    argument_list,
    some,
    texts,
)
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Sequence

    from typing_extensions import Self

    from burrow._recipe import Texts
    from burrow.secret import Secret
    from burrow.volume import Volume


class SettingSteps(Recipe):
    """What burrow.Image can run, and set."""

    __slots__ = ()

    def run_commands(
        self,
        *commands: "Texts",
        env: "dict[str, str] | None" = None,
        secrets: "Sequence[Secret]" = (),
        force_build: bool = False,
    ) -> "Self":
        """Runs shell commands in the image as root, in one step.

        Each is run by `/bin/sh -c`, or by what `shell` or the image says.

        Args:
            env: environment variables while the step runs; others make another step.
            secrets: set the environment, too. They are kept in no image, and the step is not taken
                again because their values have changed.
            force_build: take the step again even if it was taken before; what follows is taken
                again where that leads to other files.
        """
        lines = texts("A command", commands)
        conditions = Conditions(secrets, env, force_build)
        some(lines, "run_commands() needs at least one command.")
        return self._with("run", lines, conditions)

    def dockerfile_commands(
        self,
        *dockerfile_commands: "Texts",
        context_dir: "str | None" = None,
        env: "dict[str, str] | None" = None,
        secrets: "Sequence[Secret]" = (),
        force_build: bool = False,
    ) -> "Self":
        """Goes on with instructions of a Dockerfile, without FROM.

        Args:
            context_dir: the directory of this machine that COPY and ADD read; without it they have
                nothing to copy but other images.
            env, secrets, force_build: as of `run_commands`; what RUN sees.

        Example:
            image.dockerfile_commands("COPY --chmod=755 tool /usr/bin/", context_dir="tools")
        """
        lines = texts("An instruction", dockerfile_commands)
        some(lines, "dockerfile_commands() needs at least one instruction.")
        context = None if context_dir is None else absolute_local(context_dir)
        conditions = Conditions(secrets, env, force_build)
        return self._with("dockerfile_commands", ("\n".join(lines) + "\n", context), conditions)

    def run_function(
        self,
        raw_f: "Callable[..., Any]",
        *,
        args: "Sequence[Any]" = (),
        kwargs: "dict[str, Any] | None" = None,
        secrets: "Sequence[Secret]" = (),
        volumes: "dict[str, Volume] | None" = None,
        env: "dict[str, str] | None" = None,
        force_build: bool = False,
        cpu: "float | None" = None,
        memory: "int | None" = None,
        timeout: float = 3600,
        serialized: bool = False,
    ) -> "Self":
        """Runs a function in the image so far, and keeps the files that it writes.

        It is run again when its module, or a local module that this one imports, has changed: put
        it into a module of its own if it takes long. What it returns is not kept.

        Args:
            raw_f: a function at the top of a module, or one that @app.function() decorates.
            args, kwargs: what it is called with.
            volumes: by path; what it writes there is in them, and not in the image. The function is
                not run again because what they hold has changed.
            env, secrets, force_build: as of `run_commands`.
            cpu, memory, timeout: as of @app.function().
            serialized: pickle the function itself instead of importing its module.

        Example:
            image = image.pip_install("fetcher").run_function(download_weights, args=("small",))
        """
        _check_function(raw_f, args)
        resources: "dict[str, Any]" = {}
        if cpu is not None:
            resources["cpu"] = check_number("cpu", cpu, 0.05, 512, "cores")
        if memory is not None:
            resources["memoryMib"] = check_count("memory", memory, 16, 16 * 1024 * 1024)
        content = {
            "function": raw_f,
            "args": tuple(args),
            "kwargs": dict(kwargs or {}),
            "volumes": _check_volumes(volumes),
            "resources": resources,
            "timeout": check_number("timeout", timeout, 0.1, 7 * 86400, "s"),
            "serialized": bool(serialized),
        }
        return self._with("run_function", content, Conditions(secrets, env, force_build))

    def env(self, variables: "dict[str, str]") -> "Self":
        """Sets environment variables for later steps and for the functions."""
        checked = check_environment(variables)
        if not checked:
            raise InvalidError("env() needs at least one variable.")
        return self._with("env", checked)

    def workdir(self, path: str) -> "Self":
        """Sets the directory in which later steps and the functions start."""
        return self._with("workdir", absolute_path("workdir()", path))

    def entrypoint(self, entrypoint_commands: "list[str]") -> "Self":
        """Sets what the image runs where it is run elsewhere; functions do not use it."""
        return self._with(
            "start", ("entrypoint", argument_list("entrypoint()", entrypoint_commands))
        )

    def cmd(self, cmd: "list[str]") -> "Self":
        """Sets the arguments of the entrypoint, or what is run without one; functions do not use it."""
        return self._with("start", ("cmd", argument_list("cmd()", cmd)))

    def shell(self, shell_commands: "list[str]") -> "Self":
        """Sets the shell for later `run_commands`, RUN of `dockerfile_commands`, and builds upon the image."""
        words = argument_list("shell()", shell_commands)
        return self._with("start", ("shell", some(words, "shell() needs at least one word.")))

    def user(self, name: str) -> "Self":
        """Sets whom RUN of later `dockerfile_commands` runs as: "name", "uid", or either ":group"."""
        return self._with("start", ("user", check_text("A user", name)))


def _check_volumes(volumes: "dict[str, Volume] | None") -> "dict[str, Volume]":
    if not volumes:
        return {}
    from burrow.volume import check_volumes

    return check_volumes(volumes)


def _check_function(function: "Any", args: "Any") -> None:
    if not callable(function) or isinstance(function, type):
        raise InvalidError("run_function() needs a function, not %r." % (function,))
    if isinstance(args, str):
        raise InvalidError("args must be a list of arguments, not %r." % args)
