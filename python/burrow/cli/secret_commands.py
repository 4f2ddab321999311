"""`burrow secret create`, `list` and `delete`. No value is ever printed."""

from __future__ import annotations

import os
import sys

from burrow._client.config import load_config
from burrow._client.dotenv import parse_dotenv, parse_lines
from burrow._client.transport import Transport
from burrow.cli.tables import age, table
from burrow.exception import InvalidError
from burrow.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace


def create(options: "Namespace") -> int:
    """`burrow secret create`"""
    variables = _variables(options)
    if not variables:
        raise InvalidError("The secret would hold nothing: give it KEY=VALUE.")
    checked = Secret.from_dict(dict(variables))._variables
    request = {"name": options.name, "variables": checked, "overwrite": options.force}
    answer = Transport(load_config()).unary("Secrets/Put", request)
    verb = "Replaced" if answer.get("replaced") else "Created"
    print("%s the secret %s: %s" % (verb, options.name, ", ".join(checked)))
    return 0


def _variables(options: "Namespace") -> "dict[str, str]":
    if options.from_dotenv and options.variables:
        raise InvalidError("Give either --from-dotenv or variables.")
    if options.from_dotenv:
        return dict(parse_dotenv(options.from_dotenv, os.environ))
    if options.variables == ["-"] or (not options.variables and not sys.stdin.isatty()):
        return dict(parse_lines(sys.stdin.read(), "standard input", os.environ))
    found: "dict[str, str]" = {}
    for position, text in enumerate(options.variables, 1):
        name, equals, value = text.partition("=")
        if not equals or not name:  # what was written may be a value: it is not shown
            raise InvalidError("Argument %d after the name is not KEY=VALUE." % position)
        found[name] = value
    if found:
        print(
            "burrow secret: other users of this machine can see values on the command line, and "
            "your shell may keep them: prefer --from-dotenv FILE, or standard input",
            file=sys.stderr,
        )
    return found


def list_secrets(options: "Namespace") -> int:
    """`burrow secret list`"""
    answer = Transport(load_config()).unary("Secrets/List", {})
    rows = [
        [
            item.get("name", ""),
            ", ".join(item.get("keys", ())) or "(cannot be opened: create it again)",
            age(item.get("createdMs")),
            age(item.get("updatedMs")),
        ]
        for item in answer.get("secrets", ())
    ]
    sys.stdout.write(table(["SECRET", "VARIABLES", "AGE", "CHANGED"], rows))
    return 0


def delete(options: "Namespace") -> int:
    """`burrow secret delete`"""
    Transport(load_config()).unary("Secrets/Delete", {"name": options.name})
    print("Deleted the secret %s" % options.name)
    return 0
