"""`burrow config` and `burrow token`. A token is never shown whole, and never comes by the command line."""

from __future__ import annotations

import os
import sys

from burrow._client.config import (
    Config,
    config_path,
    load_config,
    read_stored,
    write_stored,
)
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

_SHOWN = 4
_MAX_TOKEN = 4096


def show_config(options: "Namespace") -> int:
    """`burrow config show`"""
    config, path = load_config(), config_path(os.environ)
    stored = read_stored(path)
    there = "" if os.path.exists(path) else " (not there)"
    print("file   %s%s" % (path, there))
    default = "" if stored.get("url") else "  (by default)"
    print("url    %s%s" % (config.url, _of_environment("BURROW_URL") or default))
    print("token  %s%s" % (_beginning(config.token), _of_environment("BURROW_TOKEN")))
    return 0


def _of_environment(variable: str) -> str:
    return "  (of %s)" % variable if os.environ.get(variable) else ""


def show_path(options: "Namespace") -> int:
    """`burrow config path`"""
    print(config_path(os.environ))
    return 0


def set_url(options: "Namespace") -> int:
    """`burrow config set-url`"""
    url = Config(options.url, "", "The command line").url
    path = config_path(os.environ)
    stored = read_stored(path)
    forgotten = bool(stored.get("token")) and stored.get("url", "").rstrip("/") != url
    if forgotten:  # a token is only sent to the server that it was stored for
        del stored["token"]
    write_stored(path, dict(stored, url=url))
    print("Stored %s in %s" % (url, path))
    if forgotten:
        print("The token was for another server: store this one's by `burrow token set`.")
    _warn_of("BURROW_URL")
    return 0


def show_token(options: "Namespace") -> int:
    """`burrow token show`"""
    config = load_config()
    print(_beginning(config.token) + _of_environment("BURROW_TOKEN"))
    return 0 if config.token else 1


def set_token(options: "Namespace") -> int:
    """`burrow token set`"""
    path = config_path(os.environ)
    stored = read_stored(path)
    url = stored.get("url", "") or load_config({"BURROW_CONFIG": path}).url
    token = _read_token(url)
    Config(url, token, "standard input")  # refuses what no token can be, without showing it
    write_stored(path, {"url": url, "token": token})
    print("Stored the token %s for %s in %s" % (_beginning(token), url, path))
    _warn_of("BURROW_TOKEN")
    return 0


def _read_token(url: str) -> str:
    if sys.stdin.isatty():
        from getpass import getpass

        token = getpass("Token for %s: " % url).strip()
    else:
        token = sys.stdin.read(_MAX_TOKEN + 1).strip()
    if not token:
        raise InvalidError("There was no token on standard input.")
    if len(token) > _MAX_TOKEN:
        raise InvalidError("That is no token: it is longer than %d characters." % _MAX_TOKEN)
    return token


def _beginning(token: str) -> str:
    if not token:
        return "(none)"
    # Of a short one even the beginning would tell much.
    return token[:_SHOWN] + "..." if len(token) >= 4 * _SHOWN else "(set)"


def _warn_of(variable: str) -> None:
    if os.environ.get(variable):
        print("%s is set and goes before the file" % variable, file=sys.stderr)
