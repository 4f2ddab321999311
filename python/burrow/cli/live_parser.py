"""The grammar of the commands around a server that is in use: serve, top, config, token, workspace."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_serve(serve: "ArgumentParser") -> None:
    """`burrow serve`"""
    serve.description = (
        "Runs an app until Ctrl-C, and shows what it prints. When a file is saved that its functions "
        "are imported from, what it changed is swapped: new calls run the new code. Meanwhile "
        "`burrow call` and burrow.Function.from_name() find its functions."
    )
    serve.add_argument("file", metavar="FILE[::APP]", help="a Python file; APP: the variable of it")
    serve.add_argument(
        "-q", "--quiet", action="store_true", help="do not show the steps of the start"
    )
    serve.set_defaults(handler="serve.serve")


def add_top(top: "ArgumentParser") -> None:
    """`burrow top`"""
    top.description = (
        "Shows workers and functions, what waits, and why; anew each second until q or Ctrl-C. Into "
        "a pipe or a file it writes them once."
    )
    top.add_argument("--once", action="store_true", help="show them once and end")
    top.add_argument("--json", action="store_true", help="once, as JSON")
    top.set_defaults(handler="top.top")


def add_config(config: "ArgumentParser") -> None:
    """`burrow config`"""
    commands = config.add_subparsers(metavar="COMMAND", required=True)
    show = commands.add_parser("show", help="show the address, the token's beginning, and whence")
    show.set_defaults(handler="config_commands.show_config")
    set_url = commands.add_parser(
        "set-url",
        help="store the server's address",
        description="Stores the address of the server. A token that was stored for another server "
        "is forgotten.",
    )
    set_url.add_argument("url", metavar="URL", help="such as http://127.0.0.1:8484")
    set_url.set_defaults(handler="config_commands.set_url")
    path = commands.add_parser("path", help="show which file it is in")
    path.set_defaults(handler="config_commands.show_path")


def add_token(token: "ArgumentParser") -> None:
    """`burrow token`"""
    commands = token.add_subparsers(metavar="COMMAND", required=True)
    show = commands.add_parser("show", help="show how the token begins")
    show.set_defaults(handler="config_commands.show_token")
    store = commands.add_parser(
        "set",
        help="store a token",
        description="Stores the token that it reads from standard input; on a terminal it asks for it.",
    )
    store.set_defaults(handler="config_commands.set_token")
    create = commands.add_parser(
        "create",
        help="make a token for somebody else",
        description="Makes a token and prints it; the server keeps only its hash. Needs an admin's token.",
    )
    create.add_argument("name", metavar="NAME", help="by which it is listed and revoked")
    create.add_argument(
        "--role",
        choices=("member", "caller", "admin", "worker"),
        default="member",
        help="member: everything but tokens; caller: calls functions of deployed apps; admin: "
        "everything; worker: joins as a worker (default: member)",
    )
    create.add_argument("--workspace", metavar="W", help="that it belongs to (default: yours)")
    create.set_defaults(handler="token_commands.create")
    listed = commands.add_parser("list", help="show who has one")
    listed.set_defaults(handler="token_commands.list_tokens")
    revoke = commands.add_parser("revoke", help="refuse one from now on")
    revoke.add_argument("name", metavar="NAME", help="or the id that `burrow token list` shows")
    revoke.set_defaults(handler="token_commands.revoke")


def add_workspace(workspace: "ArgumentParser") -> None:
    """`burrow workspace`"""
    commands = workspace.add_subparsers(metavar="COMMAND", required=True)
    create = commands.add_parser(
        "create",
        help="make one",
        description="Makes a workspace. Tokens of it are made by burrow token create --workspace.",
    )
    _add_limits(create)
    create.add_argument(
        "--share-cache",
        action="store_true",
        default=None,
        help="its image builds take cached steps from all workspaces that share, and give theirs",
    )
    create.set_defaults(handler="workspace_commands.create")
    listed = commands.add_parser("list", help="show what each has and may have")
    listed.set_defaults(handler="workspace_commands.list_workspaces")
    update = commands.add_parser("update", help="change what one may have, at once")
    _add_limits(update)
    update.add_argument(
        "--share-cache", action="store_true", default=None, help="share from now on"
    )
    update.add_argument(
        "--no-share-cache",
        action="store_false",
        dest="share_cache",
        help="use a cache of its own from now on",
    )
    update.set_defaults(handler="workspace_commands.update")
    delete = commands.add_parser(
        "delete",
        help="remove one, with its images, secrets and results",
        description="Refused while an app of it runs or a token of it is left.",
    )
    delete.add_argument("name", metavar="NAME")
    delete.set_defaults(handler="workspace_commands.delete")


def _add_limits(command: "ArgumentParser") -> None:
    command.add_argument("name", metavar="NAME")
    command.add_argument(
        "--max-containers",
        type=int,
        metavar="N",
        help="of all its functions together; 0: no bound of its own",
    )
    command.add_argument(
        "--max-cpus",
        type=float,
        metavar="CORES",
        help="that its containers reserve together; 0: no bound of its own",
    )
    command.add_argument(
        "--max-memory",
        type=int,
        metavar="MIB",
        help="that its containers reserve together; 0: no bound of its own",
    )
    command.add_argument(
        "--max-queued-calls",
        type=int,
        metavar="N",
        help="of all its functions together, in no container; 0: the server's bound",
    )
    command.add_argument(
        "--max-storage",
        type=int,
        metavar="MIB",
        help="of the files of all its volumes and images together; 0: no bound of its own",
    )
