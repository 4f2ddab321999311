"""Steps of images that run commands and say what processes start with."""

from __future__ import annotations

from burrow._options import check_count, check_environment, check_number, check_text
from burrow._recipe import Recipe, absolute_local, absolute_path, argument_list, some, texts
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

    def run_commands(self, *commands: "Texts") -> "Self":
        """Runs shell commands in the image as root, in one step.

        Each is run by `/bin/sh -c`, or by what `shell` or the image says.
        """
        lines = texts("A command", commands)
        return self._with("run", some(lines, "run_commands() needs at least one command."))

    def dockerfile_commands(
        self, *dockerfile_commands: "Texts", context_dir: "str | None" = None
    ) -> "Self":
        """Goes on with instructions of a Dockerfile, without FROM.

        Args:
            context_dir: the directory of this machine that COPY and ADD read; without it they have
                nothing to copy but other images.

        Example:
            image.dockerfile_commands("COPY --chmod=755 tool /usr/bin/", context_dir="tools")
        """
        lines = texts("An instruction", dockerfile_commands)
        some(lines, "dockerfile_commands() needs at least one instruction.")
        context = None if context_dir is None else absolute_local(context_dir)
        return self._with("dockerfile_commands", ("\n".join(lines) + "\n", context))

    def run_function(
        self,
        raw_f: "Callable[..., Any]",
        *,
        args: "Sequence[Any]" = (),
        kwargs: "dict[str, Any] | None" = None,
        secrets: "Sequence[Secret]" = (),
        volumes: "dict[str, Volume] | None" = None,
        env: "dict[str, str] | None" = None,
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
            secrets: set its environment while it runs, and are not kept in the image.
            volumes: by path; what it writes there is in them, and not in the image. The function is
                not run again because what they hold has changed.
            env: environment variables while it runs.
            cpu, memory, timeout: as of @app.function().
            serialized: pickle the function itself instead of importing its module.

        Example:
            image = image.pip_install("fetcher").run_function(download_weights, args=("small",))
        """
        _check_function(raw_f, args, secrets)
        resources: "dict[str, Any]" = {}
        if cpu is not None:
            resources["cpu"] = check_number("cpu", cpu, 0.05, 512, "cores")
        if memory is not None:
            resources["memoryMib"] = check_count("memory", memory, 16, 16 * 1024 * 1024)
        content = {
            "function": raw_f,
            "args": tuple(args),
            "kwargs": dict(kwargs or {}),
            "secrets": tuple(secrets),
            "volumes": _check_volumes(volumes),
            "env": check_environment(env or {}),
            "resources": resources,
            "timeout": check_number("timeout", timeout, 0.1, 7 * 86400, "s"),
            "serialized": bool(serialized),
        }
        return self._with("run_function", content)

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


def _check_function(function: "Any", args: "Any", secrets: "Sequence[Any]") -> None:
    from burrow.secret import Secret

    if not callable(function) or isinstance(function, type):
        raise InvalidError("run_function() needs a function, not %r." % (function,))
    if isinstance(args, str):
        raise InvalidError("args must be a list of arguments, not %r." % args)
    for secret in secrets:
        if not isinstance(secret, Secret):
            raise InvalidError("secrets are made by burrow.Secret, unlike %r." % (secret,))
