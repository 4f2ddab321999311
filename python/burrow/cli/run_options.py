"""Splits the arguments of `burrow run` into its own and those of the entrypoint."""

from __future__ import annotations


_OWN = ("--timing", "--quiet", "-q", "--detach", "-d")


class RunUsageError(Exception):
    """The arguments make no sense; with an empty message, help is asked for."""


class RunOptions:
    """What `burrow run` was given."""

    __slots__ = ("file", "entrypoint", "timing", "quiet", "detach", "arguments")

    def __init__(self, file: str, entrypoint: str) -> None:
        self.file = file
        self.entrypoint = entrypoint
        self.timing = False
        self.quiet = False
        self.detach = False
        self.arguments: "list[str]" = []


def parse_run_options(arguments: "list[str]") -> RunOptions:
    """Takes --timing, --quiet and --detach from both sides of FILE; all else behind FILE is the entrypoint's.

    Raises:
        RunUsageError: FILE is missing, or an option before it is unknown.
    """
    flags: "set[str]" = set()
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-h", "--help"):
            raise RunUsageError("")
        if option == "--":
            break
        if option not in _OWN:
            raise RunUsageError("unknown option %s before FILE" % option)
        flags.add(option)
    if not rest:
        raise RunUsageError("FILE is missing")
    file, _, entrypoint = rest.pop(0).partition("::")
    options = RunOptions(file, entrypoint)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            options.arguments.extend(rest)
            break
        if argument in _OWN:
            flags.add(argument)
        else:
            options.arguments.append(argument)
    options.timing = "--timing" in flags
    options.detach = bool(flags & {"--detach", "-d"})
    options.quiet = bool(flags & {"--quiet", "-q"})
    return options
