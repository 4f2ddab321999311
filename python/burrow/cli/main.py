"""Parses the command line and starts the command that it names."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser

_RUN_USAGE = """usage: burrow run FILE[::ENTRYPOINT] [--timing] [--quiet] [ARGS...]

Runs an app from a Python file: builds its images, starts its containers and calls its local
entrypoint, or its only function, with ARGS. What follows `--` goes to the entrypoint untouched.

options:
  --timing     show where the time of the calls went
  -q, --quiet  show only the output of the app and errors
  -h, --help   show this help; after FILE, the options of its entrypoint
"""


_IMAGE_HANDLERS = ("list_images", "import_image", "export_image", "show_overlap")


def main(arguments: "list[str] | None" = None) -> int:
    """Runs `burrow` and returns its exit code: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    from burrow.exception import Error

    try:
        if arguments[:1] == ["run"]:  # without argparse: its time is better spent on the app
            return _run(arguments[1:])
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
    from burrow.cli import commands

    parser = _parser()
    options = parser.parse_args(arguments)
    name = getattr(options, "handler", None)
    if name is None:
        parser.print_help()
        return 2
    if name in _IMAGE_HANDLERS:
        from burrow.cli import image_commands

        return int(getattr(image_commands, name)(options))
    return int(getattr(commands, name)(options))


def _parser() -> "ArgumentParser":
    from argparse import ArgumentParser

    from burrow import __version__

    parser = ArgumentParser(
        prog="burrow", description="Runs Python functions in containers, a heartbeat later."
    )
    parser.add_argument("--version", action="version", version="burrow " + __version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    commands.add_parser("run", help="run an app from a Python file")
    ps = commands.add_parser("ps", help="list the containers of every app")
    ps.set_defaults(handler="list_containers")
    logs = commands.add_parser("logs", help="show what an app printed")
    logs.add_argument("app", metavar="APP", help="id or name; of a name the newest app")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the app stops")
    logs.add_argument("--tail", type=int, default=0, metavar="N", help="only the last N lines")
    logs.set_defaults(handler="show_logs")
    _add_image_commands(commands.add_parser("image", help="list, import, export, compare images"))
    system = commands.add_parser("system", help="look after the server")
    system_commands = system.add_subparsers(metavar="COMMAND", required=True)
    gc = system_commands.add_parser("gc", help="remove stored content that nothing needs any more")
    gc.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    gc.set_defaults(handler="collect_blobs")
    app = commands.add_parser("app", help="list and stop apps")
    app_commands = app.add_subparsers(metavar="COMMAND", required=True)
    app_ls = app_commands.add_parser("ls", help="list running apps")
    app_ls.add_argument("-a", "--all", action="store_true", help="stopped ones too")
    app_ls.set_defaults(handler="list_apps")
    app_stop = app_commands.add_parser("stop", help="stop an app")
    app_stop.add_argument("app", metavar="APP", help="id, or the name of a running app")
    app_stop.set_defaults(handler="stop_app")
    return parser


def _add_image_commands(image: "ArgumentParser") -> None:
    commands = image.add_subparsers(metavar="COMMAND", required=True)
    ls = commands.add_parser("ls", help="list images")
    ls.set_defaults(handler="list_images")
    load = commands.add_parser("import", help="make an image of an archive or of a registry's")
    load.add_argument(
        "source",
        metavar="SOURCE",
        help="directory, tar, docker-archive:FILE, oci:DIRECTORY_OR_TAR[:TAG], [docker://]HOST/NAME[:TAG]",
    )
    load.add_argument("--name", metavar="NAME", help="call the image so")
    load.add_argument("--plain-http", action="store_true", help="speak to the registry without TLS")
    load.set_defaults(handler="import_image")
    export = commands.add_parser("export", help="write an image to a file that other tools read")
    export.add_argument("image", metavar="IMAGE", help="id or name")
    export.add_argument("file", metavar="FILE")
    export.add_argument("--format", choices=("oci", "docker-archive"), default="oci")
    export.set_defaults(handler="export_image")
    overlap = commands.add_parser("overlap", help="show what images have in common")
    overlap.add_argument("images", metavar="IMAGE", nargs="+", help="two to five ids or names")
    overlap.add_argument("--svg", metavar="FILE", help="draw it, too")
    overlap.set_defaults(handler="show_overlap")
