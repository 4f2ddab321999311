"""The logins that `docker login` and `podman login` have left on this machine.

Files and keys are those of Docker's config.json: `auths`, and for who keeps no passwords in files `credHelpers` and
`credsStore`, which name programs that speak the protocol of docker-credential-helpers.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Login = dict[str, str]

_HELPER_S = 60.0  # it may ask its user for a passphrase
_HELPER_NAME = re.compile(r"[A-Za-z0-9._-]+")
_IDENTITY_TOKEN = "<token>"  # as the user's name: the secret is no password


def login_for(reference: str) -> "Login":
    """The RegistryLogin message for the reference's registry; empty without a login.

    Passwords and those of credential helpers are understood, identity tokens are not.
    """
    host = host_of(reference)
    for path in _files():
        config = _read(path)
        login = _of_helper(config, host) or _of_file(config, host)
        if login:
            return login
    return {}


def host_of(reference: str) -> str:
    """The registry in "docker://HOST/NAME:TAG"."""
    return reference.replace("docker://", "", 1).partition("/")[0]


def _files() -> "list[str]":
    directory = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    files = [os.path.join(directory, "config.json")]
    if os.environ.get("REGISTRY_AUTH_FILE"):
        files.insert(0, os.environ["REGISTRY_AUTH_FILE"])
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/run/user/%d" % os.getuid())
    files.append(os.path.join(runtime, "containers", "auth.json"))
    return files


def _read(path: str) -> "dict[str, Any]":
    try:
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _table(config: "dict[str, Any]", name: str) -> "dict[str, Any]":
    table = config.get(name)
    return table if isinstance(table, dict) else {}


def _key_of(table: "dict[str, Any]", host: str) -> "str | None":
    """The key for a registry, which may be written as a URL."""
    for key in table:
        if key.split("://")[-1].partition("/")[0] == host:
            return key
    return None


def _of_file(config: "dict[str, Any]", host: str) -> "Login":
    auths = _table(config, "auths")
    entry = auths.get(_key_of(auths, host) or "")
    if not isinstance(entry, dict):
        return {}
    try:
        pair = base64.b64decode(str(entry.get("auth", "")), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return {}
    username, colon, password = pair.partition(":")
    return {"host": host, "username": username, "password": password} if colon else {}


def _of_helper(config: "dict[str, Any]", host: str) -> "Login":
    helpers = _table(config, "credHelpers")
    name = helpers.get(_key_of(helpers, host) or "", config.get("credsStore"))
    if not isinstance(name, str) or not _HELPER_NAME.fullmatch(name):
        return {}
    # Under the name that the login was kept by, where the file tells it.
    server = _key_of(_table(config, "auths"), host) or host
    try:
        asked = subprocess.run(
            ["docker-credential-" + name, "get"],
            input=server.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_HELPER_S,
            check=True,
        )
        answer = json.loads(asked.stdout)
        username, secret = answer["Username"], answer["Secret"]
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return {}
    if username == _IDENTITY_TOKEN or not isinstance(username, str) or not isinstance(secret, str):
        return {}
    return {"host": host, "username": username, "password": secret}
