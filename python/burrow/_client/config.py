"""Where the server is and by which token it knows us."""

from __future__ import annotations

import json
import os

from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

DEFAULT_URL = "http://127.0.0.1:8484"


class Config:
    """A server's address and token. `scheme` is "http" or "https".

    In a container that is a socket of its worker, which needs no token.
    """

    __slots__ = ("url", "token", "scheme", "host", "port", "prefix", "socket")

    def __init__(self, url: str, token: str, origin: str, socket: str = "") -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.socket = socket
        self.scheme, self.host, self.port, self.prefix = _split_url(self.url, origin)
        if any(ord(c) <= 32 or ord(c) > 126 for c in token):
            raise InvalidError("The token from %s holds a blank or a control character." % origin)


def config_path(environ: "Mapping[str, str]") -> str:
    """The configuration file's path, whether or not it exists."""
    named = environ.get("BURROW_CONFIG")
    if named:
        return named
    # Not XDG_CONFIG_HOME: `burrowd up` writes here, often under another environment.
    home = environ.get("HOME") or os.path.expanduser("~")
    return os.path.join(home, ".config", "burrow", "config.json")


def load_config(environ: "Mapping[str, str] | None" = None) -> Config:
    """Reads BURROW_URL and BURROW_TOKEN, and for what they leave open the configuration file.

    In a container BURROW_API_SOCKET outranks all of them.

    Raises:
        InvalidError: the file or the URL makes no sense.
    """
    environ = os.environ if environ is None else environ
    socket = environ.get("BURROW_API_SOCKET", "")
    if socket:
        return Config("http://burrow", "", "BURROW_API_SOCKET", socket)
    url, token = environ.get("BURROW_URL", ""), environ.get("BURROW_TOKEN", "")
    origin = "BURROW_URL"
    if not url or not token:
        path = config_path(environ)
        stored = read_stored(path)
        # A token is only sent to the server that it was stored for.
        if not token and (not url or url.rstrip("/") == stored.get("url", "").rstrip("/")):
            token = stored.get("token", "")
        if not url:
            url, origin = stored.get("url", "") or DEFAULT_URL, path
    return Config(url, token, origin)


def read_stored(path: str) -> "dict[str, str]":
    """The "url" and "token" of the configuration file; nothing where there is no file.

    Raises:
        InvalidError: it makes no sense.
    """
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidError(
            "Cannot read the configuration %s (%s): mend or delete it, `burrowd up` writes a new one."
            % (path, error)
        ) from None
    if not isinstance(stored, dict) or not all(
        isinstance(stored.get(key, ""), str) for key in ("url", "token")
    ):
        raise InvalidError(
            'The configuration %s must be an object like {"url": "http://...", "token": "..."}.'
            % path
        )
    return {key: stored[key] for key in ("url", "token") if key in stored}


def write_stored(path: str, stored: "dict[str, str]") -> None:
    """Replaces the configuration file, which nobody else may read.

    Raises:
        InvalidError: it cannot be written.
    """
    path = os.path.realpath(path)
    temporary = "%s.%d" % (path, os.getpid())
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with open(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(json.dumps(stored, indent=2) + "\n")
            os.replace(temporary, path)
        except BaseException:
            if os.path.lexists(temporary):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise InvalidError(
            "Cannot write the configuration %s: %s." % (path, error.strerror)
        ) from None


def _split_url(url: str, origin: str) -> "tuple[str, str, int, str]":
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, port = authority, ""
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        port = port[1:] if port.startswith(":") else port
    elif ":" in authority:
        host, _, port = authority.rpartition(":")
    valid = mark and scheme in ("http", "https") and host and not set(host) & set("@?# \r\n")
    if not valid or (port and not (port.isdigit() and 0 < int(port) < 65536)):
        raise InvalidError(
            "%s names %r, which is not a server's address: write it like http://127.0.0.1:8484."
            % (origin, url)
        )
    number = int(port) if port else (443 if scheme == "https" else 80)
    return scheme, host, number, slash + path if path else ""
