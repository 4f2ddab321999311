"""Parses the command line and starts the command that it names."""

from __future__ import annotations

import sys

_RUN_USAGE = """usage: burrow run FILE[::ENTRYPOINT] [--detach] [--timing] [--quiet] [ARGS...]

Runs an app from a Python file: builds its images, starts its containers and calls its local
entrypoint, or its only function, with ARGS. What follows `--` goes to the entrypoint untouched.

options:
  -d, --detach calls that have begun go on when this command ends, however it does
  --timing     show where the time of the calls went
  -q, --quiet  show only the output of the app and errors
  -h, --help   show this help; after FILE, the options of its entrypoint
"""


def main(arguments: "list[str] | None" = None) -> int:
    """Runs `burrow` and returns its exit code: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    from burrow.exception import Error

    try:
        if arguments[:1] == ["run"]:  # without argparse: its time is better spent on the app
            return _run(arguments[1:])
        if arguments[:1] == ["call"]:  # its options are those of the function
            from burrow.cli.call_command import main as call

            return call(arguments[1:])
        return _other(arguments)
    except Error as error:
        print("Error: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has left; keep the interpreter from complaining at exit.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _run(arguments: "list[str]") -> int:
    from burrow.cli.run import run
    from burrow.cli.run_options import RunUsageError, parse_run_options

    try:
        options = parse_run_options(arguments)
    except RunUsageError as error:
        if not str(error):
            sys.stdout.write(_RUN_USAGE)
            return 0
        print(_RUN_USAGE.partition("\n")[0], file=sys.stderr)
        print("burrow run: error: %s" % error, file=sys.stderr)
        return 2
    return run(options)


def _other(arguments: "list[str]") -> int:
    from importlib import import_module

    from burrow.cli.deploy_parser import options_first
    from burrow.cli.parser import make_parser

    parser = make_parser(arguments[0] if arguments else "")
    arguments = options_first(arguments)
    command: "list[str]" = []
    if (
        arguments[:1] in (["shell"], ["exec"]) and "--" in arguments
    ):  # what follows is another program's
        at = arguments.index("--")
        arguments, command = arguments[:at], arguments[at + 1 :]
    options = parser.parse_args(arguments)
    options.command = command
    handler = getattr(options, "handler", None)
    if handler is None:
        parser.print_help()
        return 2
    module, _, function = handler.partition(".")
    return int(getattr(import_module("burrow.cli." + module), function)(options))
