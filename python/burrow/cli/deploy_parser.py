"""The grammar of the commands around deployed apps: deploy, call, secret, app history, logs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_deploy(deploy: "ArgumentParser") -> None:
    """`burrow deploy`"""
    deploy.add_argument(
        "file", metavar="FILE[::APP]", help="a Python file; APP: the variable of it"
    )
    deploy.add_argument("--name", metavar="NAME", help="deploy it under this name")
    deploy.add_argument("-q", "--quiet", action="store_true", help="show only the outcome")
    deploy.set_defaults(handler="deploy.deploy")


def add_call(call: "ArgumentParser") -> None:
    """`burrow call`, for its help: it reads its arguments itself."""
    call.usage = "burrow call APP FUNCTION [ARGUMENT...] [--NAME VALUE...] | burrow call show CALL"
    call.description = (
        "Calls a function and prints its value. Arguments and values are JSON, or text where they "
        "are none. `show` tells where a call is, why it waits, and where its time went."
    )
    call.add_argument("rest", metavar="...", nargs="*", help="as above")
    call.set_defaults(handler="call_command.show_usage")


def add_secret(secret: "ArgumentParser") -> None:
    """`burrow secret`"""
    commands = secret.add_subparsers(metavar="COMMAND", required=True)
    create = commands.add_parser(
        "create",
        help="store a secret",
        description="Stores variables from a file, from standard input (NAME=VALUE lines), or from "
        "the command line, where other users of this machine can see them.",
    )
    create.add_argument("name", metavar="NAME")
    create.add_argument("variables", metavar="KEY=VALUE", nargs="*", help="`-`: standard input")
    create.add_argument("--from-dotenv", metavar="FILE", help="a file of KEY=VALUE lines")
    create.add_argument("-f", "--force", action="store_true", help="replace one that is there")
    create.set_defaults(handler="secret_commands.create")
    listing = commands.add_parser("list", aliases=["ls"], help="list names and variables")
    listing.set_defaults(handler="secret_commands.list_secrets")
    delete = commands.add_parser("delete", aliases=["rm"], help="forget a secret")
    delete.add_argument("name", metavar="NAME")
    delete.set_defaults(handler="secret_commands.delete")


def options_first(arguments: "list[str]") -> "list[str]":
    """`secret create` with its options in front: argparse does not take KEY=VALUE on both sides of
    one, and would show them in its complaint."""
    if arguments[:2] != ["secret", "create"]:
        return arguments
    options: "list[str]" = []
    others: "list[str]" = []
    rest = arguments[2:]
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            others += [argument] + rest
            break
        (options if argument.startswith("-") and argument != "-" else others).append(argument)
        if argument == "--from-dotenv" and rest:
            options.append(rest.pop(0))
    return arguments[:2] + options + others


def add_history(history: "ArgumentParser") -> None:
    """`burrow app history`"""
    history.add_argument("app", metavar="APP", help="id or name of a deployed app")
    history.set_defaults(handler="deploy.show_history")


def add_logs(logs: "ArgumentParser") -> None:
    """`burrow logs`"""
    logs.add_argument("app", metavar="APP", help="id or name; of a name the newest app")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the app stops")
    logs.add_argument("--tail", type=int, default=0, metavar="N", help="only the last N lines")
    logs.add_argument("--function", metavar="NAME", help="only lines of this function")
    logs.add_argument("--call", metavar="ID", help="only lines of this call")
    logs.add_argument("--container", metavar="ID", help="only lines of this container")
    logs.add_argument("--since", metavar="TIME", help="90s, 5m, 2h, 1d ago, or 2026-01-31T12:00")
    logs.set_defaults(handler="logs.show_logs")
