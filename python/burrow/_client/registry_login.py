"""The logins that `docker login` and `podman login` have left on this machine."""

from __future__ import annotations

import base64
import binascii
import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def login_for(reference: str) -> "dict[str, str]":
    """The RegistryLogin message for the reference's registry; empty without a login.

    Credential helpers are not asked.
    """
    host = host_of(reference)
    for path in _files():
        entry = _entry(path, host)
        try:
            pair = base64.b64decode(str(entry.get("auth", "")), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue
        username, colon, password = pair.partition(":")
        if colon:
            return {"host": host, "username": username, "password": password}
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


def _entry(path: str, host: str) -> "dict[str, Any]":
    try:
        with open(path, encoding="utf-8") as file:
            auths = json.load(file).get("auths", {})
        for key, entry in auths.items():
            if key.split("://")[-1].partition("/")[0] == host and isinstance(entry, dict):
                return entry
    except (OSError, ValueError, AttributeError):
        pass
    return {}
