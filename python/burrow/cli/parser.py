"""The command line's grammar."""

from __future__ import annotations

from argparse import ArgumentParser

from burrow import __version__
from burrow.cli.build_parser import add_build, add_image_store
from burrow.cli.deploy_parser import add_call, add_deploy, add_history, add_logs, add_secret
from burrow.cli.live_parser import add_config, add_serve, add_token, add_top, add_workspace
from burrow.cli.volume_parser import add_volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


def make_parser(command: str = "") -> "ArgumentParser":
    """Everything but `burrow run`, which reads its arguments itself; `handler` is MODULE.FUNCTION.

    Args:
        command: what is to be parsed begins with it: the grammar of others is left out, as it would
            take longer than the command does.
    """
    parser = ArgumentParser(
        prog="burrow", description="Runs Python functions in containers, a heartbeat later."
    )
    parser.add_argument("--version", action="version", version="burrow " + __version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in [command] if command in _COMMANDS else _COMMANDS:
        add, text = _COMMANDS[name]
        add(commands.add_parser(name, help=text))
    return parser


def _add_shell(shell: "ArgumentParser") -> None:
    shell.usage = (
        "burrow shell [-h] (IMAGE | FILE.py[::FUNCTION] | APP::FUNCTION | --step BUILD)"
        " [-- COMMAND...]"
    )
    shell.description = (
        "Runs COMMAND, or a shell, in a fresh container and ends with its exit code. "
        "What it writes is gone with it. As a function: with its image, files, variables, secrets "
        "and limits."
    )
    shell.add_argument(
        "image",
        metavar="IMAGE",
        nargs="?",
        help="id or name; or a function, of a file or of a deployed app",
    )
    shell.add_argument(
        "--step", metavar="BUILD", help="enter the files as the failed step of this build left them"
    )
    shell.set_defaults(handler="shell.open_shell")


def _add_exec(execute: "ArgumentParser") -> None:
    execute.usage = "burrow exec [-h] CONTAINER -- COMMAND..."
    execute.description = (
        "Runs COMMAND beside the function, with the container's environment but for "
        "secrets, and ends with its exit code."
    )
    execute.add_argument("container", metavar="CONTAINER", help="id, see `burrow ps`")
    execute.set_defaults(handler="shell.exec_command")


def _add_ps(ps: "ArgumentParser") -> None:
    ps.set_defaults(handler="commands.list_containers")


def _add_system(system: "ArgumentParser") -> None:
    commands = system.add_subparsers(metavar="COMMAND", required=True)
    gc = commands.add_parser("gc", help="remove stored content that nothing needs any more")
    gc.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    gc.set_defaults(handler="commands.collect_blobs")


def _add_app(app: "ArgumentParser") -> None:
    commands = app.add_subparsers(metavar="COMMAND", required=True)
    ls = commands.add_parser("ls", help="list running apps")
    ls.add_argument("-a", "--all", action="store_true", help="stopped ones too")
    ls.set_defaults(handler="commands.list_apps")
    add_history(commands.add_parser("history", help="list the versions that were deployed"))
    stop = commands.add_parser("stop", help="stop an app")
    stop.add_argument("app", metavar="APP", help="id, or the name of a running app")
    stop.set_defaults(handler="commands.stop_app")


def _add_image_commands(image: "ArgumentParser") -> None:
    commands = image.add_subparsers(metavar="COMMAND", required=True)
    ls = commands.add_parser("ls", help="list images")
    ls.set_defaults(handler="image_commands.list_images")
    load = commands.add_parser("import", help="make an image of an archive or of a registry's")
    load.add_argument(
        "source",
        metavar="SOURCE",
        help="directory, tar, rootfs:TAR, docker-archive:FILE, oci:DIRECTORY_OR_TAR[:TAG], [docker://]HOST/NAME[:TAG]",
    )
    load.add_argument("--name", metavar="NAME", help="call the image so")
    load.add_argument("--plain-http", action="store_true", help="speak to the registry without TLS")
    load.set_defaults(handler="image_commands.import_image")
    export = commands.add_parser("export", help="write an image to a file that other tools read")
    export.add_argument("image", metavar="IMAGE", help="id or name")
    export.add_argument("file", metavar="FILE")
    export.add_argument("--format", choices=("oci", "docker-archive"), default="oci")
    export.set_defaults(handler="image_commands.export_image")
    overlap = commands.add_parser("overlap", help="show what images have in common")
    overlap.add_argument("images", metavar="IMAGE", nargs="+", help="two to five ids or names")
    overlap.add_argument("--svg", metavar="FILE", help="draw it, too")
    overlap.set_defaults(handler="image_commands.show_overlap")
    add_image_store(commands)


_COMMANDS: "dict[str, tuple[Callable[[ArgumentParser], None], str]]" = {
    "run": (lambda run: None, "run an app from a Python file"),
    "serve": (add_serve, "run an app, and swap its code when it is saved"),
    "deploy": (add_deploy, "make an app of a Python file stay"),
    "call": (add_call, "call a function of a deployed or served app"),
    "secret": (add_secret, "keep environment variables for functions"),
    "volume": (add_volume, "keep files for functions"),
    "build": (add_build, "make an image of a Dockerfile"),
    "shell": (
        _add_shell,
        "open a shell upon an image, as a function, or in what a failed build left",
    ),
    "exec": (_add_exec, "run a command in a container that runs"),
    "top": (add_top, "show live what runs, and what waits and why"),
    "ps": (_add_ps, "list the containers of every app"),
    "logs": (add_logs, "show what an app printed"),
    "image": (_add_image_commands, "list, look at, import, export, remove images"),
    "config": (add_config, "show or change where the server is"),
    "token": (add_token, "the token for the server; hand out others, and revoke them"),
    "workspace": (add_workspace, "what belongs together, apart from what others have"),
    "system": (_add_system, "look after the server"),
    "app": (_add_app, "list and stop apps"),
}
