"""The command line's grammar."""

from __future__ import annotations

from argparse import ArgumentParser

from burrow import __version__
from burrow.cli.build_parser import add_build, add_image_store
from burrow.cli.deploy_parser import add_call, add_deploy, add_history, add_logs, add_secret
from burrow.cli.live_parser import add_config, add_serve, add_token, add_top, add_workspace
from burrow.cli.volume_parser import add_volume


def make_parser() -> "ArgumentParser":
    """Everything but `burrow run`, which reads its arguments itself; `handler` is MODULE.FUNCTION."""
    parser = ArgumentParser(
        prog="burrow", description="Runs Python functions in containers, a heartbeat later."
    )
    parser.add_argument("--version", action="version", version="burrow " + __version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    commands.add_parser("run", help="run an app from a Python file")
    add_serve(commands.add_parser("serve", help="run an app, and swap its code when it is saved"))
    add_deploy(commands.add_parser("deploy", help="make an app of a Python file stay"))
    add_call(commands.add_parser("call", help="call a function of a deployed or served app"))
    add_secret(commands.add_parser("secret", help="keep environment variables for functions"))
    add_volume(commands.add_parser("volume", help="keep files for functions"))
    add_build(commands.add_parser("build", help="make an image of a Dockerfile"))
    shell = commands.add_parser(
        "shell",
        help="open a shell upon an image, as a function, or in what a failed build left",
        usage="burrow shell [-h] (IMAGE | FILE.py[::FUNCTION] | APP::FUNCTION | --step BUILD)"
        " [-- COMMAND...]",
        description="Runs COMMAND, or a shell, in a fresh container and ends with its exit code. "
        "What it writes is gone with it. As a function: with its image, files, variables, secrets "
        "and limits.",
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
    execute = commands.add_parser(
        "exec",
        help="run a command in a container that runs",
        usage="burrow exec [-h] CONTAINER -- COMMAND...",
        description="Runs COMMAND beside the function, with the container's environment but for "
        "secrets, and ends with its exit code.",
    )
    execute.add_argument("container", metavar="CONTAINER", help="id, see `burrow ps`")
    execute.set_defaults(handler="shell.exec_command")
    add_top(commands.add_parser("top", help="show live what runs, and what waits and why"))
    ps = commands.add_parser("ps", help="list the containers of every app")
    ps.set_defaults(handler="commands.list_containers")
    logs = commands.add_parser("logs", help="show what an app printed")
    add_logs(logs)
    _add_image_commands(
        commands.add_parser("image", help="list, look at, import, export, remove images")
    )
    add_config(commands.add_parser("config", help="show or change where the server is"))
    add_token(
        commands.add_parser(
            "token", help="the token for the server; hand out others, and revoke them"
        )
    )
    add_workspace(
        commands.add_parser("workspace", help="what belongs together, apart from what others have")
    )
    system = commands.add_parser("system", help="look after the server")
    system_commands = system.add_subparsers(metavar="COMMAND", required=True)
    gc = system_commands.add_parser("gc", help="remove stored content that nothing needs any more")
    gc.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    gc.set_defaults(handler="commands.collect_blobs")
    app = commands.add_parser("app", help="list and stop apps")
    app_commands = app.add_subparsers(metavar="COMMAND", required=True)
    app_ls = app_commands.add_parser("ls", help="list running apps")
    app_ls.add_argument("-a", "--all", action="store_true", help="stopped ones too")
    app_ls.set_defaults(handler="commands.list_apps")
    add_history(app_commands.add_parser("history", help="list the versions that were deployed"))
    app_stop = app_commands.add_parser("stop", help="stop an app")
    app_stop.add_argument("app", metavar="APP", help="id, or the name of a running app")
    app_stop.set_defaults(handler="commands.stop_app")
    return parser


def _add_image_commands(image: "ArgumentParser") -> None:
    commands = image.add_subparsers(metavar="COMMAND", required=True)
    ls = commands.add_parser("ls", help="list images")
    ls.set_defaults(handler="image_commands.list_images")
    load = commands.add_parser("import", help="make an image of an archive or of a registry's")
    load.add_argument(
        "source",
        metavar="SOURCE",
        help="directory, tar, docker-archive:FILE, oci:DIRECTORY_OR_TAR[:TAG], [docker://]HOST/NAME[:TAG]",
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
