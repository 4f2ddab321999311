"""`burrow token create`, `list` and `revoke`. A token is printed once, when it is made."""

from __future__ import annotations

import sys

from burrow._client.config import load_config
from burrow._client.transport import Transport
from burrow.cli.tables import age, table, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

_ROLE = "TOKEN_ROLE_"
_USE = {
    "worker": "Start a worker with it: burrowd worker --help",
    "": "Its owner stores it by `burrow token set`, or sets BURROW_TOKEN.",
}


def create(options: "Namespace") -> int:
    """`burrow token create`"""
    request = {"name": options.name, "role": _ROLE + options.role.upper()}
    if options.workspace:
        request["workspace"] = options.workspace
    answer = Transport(load_config()).unary("Tokens/Create", request)
    print(answer["token"])
    print(
        "This is the only time that it is shown. %s" % _USE.get(options.role, _USE[""]),
        file=sys.stderr,
    )
    return 0


def list_tokens(options: "Namespace") -> int:
    """`burrow token list`"""
    answer = Transport(load_config()).unary("Tokens/List", {})
    rows = [
        [
            item.get("name") or "(the server's own)",
            word(item.get("role"), _ROLE),
            item.get("workspace") or "(all)",
            age(item.get("createdMs")),
            item.get("id", ""),
        ]
        for item in answer.get("tokens", ())
    ]
    sys.stdout.write(table(["TOKEN", "ROLE", "WORKSPACE", "AGE", "ID"], rows))
    return 0


def revoke(options: "Namespace") -> int:
    """`burrow token revoke`"""
    Transport(load_config()).unary("Tokens/Revoke", {"token": options.name})
    print("Revoked the token %s" % options.name)
    return 0
