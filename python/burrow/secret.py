"""Secrets: environment variables that are shown to what runs, and to nobody else."""

from __future__ import annotations

import os

from burrow._aio import with_aio
from burrow._options import check_name, refuse_environment
from burrow.exception import InvalidError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Sequence


class Secret:
    """Environment variables whose values are in no image, log or error. Two are equal by content.

    Example:
        hub = burrow.Secret.from_name("hub", required_keys=["HUB_TOKEN"])

        @app.function(secrets=[hub])
        def download() -> None:
            fetch(os.environ["HUB_TOKEN"])
    """

    __slots__ = ("_variables", "_name", "_required_keys")

    def __init__(
        self,
        variables: "dict[str, str]",
        name: "str | None" = None,
        required_keys: "tuple[str, ...]" = (),
    ) -> None:
        self._variables = variables
        self._name = name
        self._required_keys = required_keys

    @staticmethod
    def from_name(
        name: str, *, environment_name: None = None, required_keys: "Sequence[str]" = ()
    ) -> "Secret":
        """What `burrow secret create` stored under that name, as it is when a container starts.

        Args:
            environment_name: None; Burrow has workspaces instead.
            required_keys: variables without which a function is not deployed.
        """
        refuse_environment(environment_name)
        _check_keys(required_keys)
        return Secret({}, check_name("A secret's name", name), tuple(required_keys))

    @staticmethod
    def from_dict(env_dict: "dict[str, str | None] | None" = None) -> "Secret":
        """Variables by name; those whose value is None are left out.

        Raises:
            InvalidError: a name is none, or a value no string.
        """
        if env_dict is None:
            return Secret({})
        if not isinstance(env_dict, dict):
            raise InvalidError("A secret is made of a dict, not of a %s." % type(env_dict).__name__)
        _check_keys(env_dict)
        checked: "dict[str, str]" = {}
        for name, value in sorted(env_dict.items()):
            if value is None:
                continue
            if not isinstance(value, str) or "\0" in value:  # the value itself is not shown
                raise InvalidError(
                    "The secret %s must be a string without NUL, not a %s."
                    % (name, type(value).__name__)
                )
            checked[name] = value
        return Secret(checked)

    @staticmethod
    def from_dotenv(path: "str | None" = None, *, filename: str = ".env") -> "Secret":
        """The variables of a file of NAME=VALUE lines. In a container, where it is not, it is empty.

        Args:
            path: a directory, or a file such as `__file__`; the file is looked for there and in
                the directories above. The working directory otherwise.
            filename: what it is called.

        Raises:
            InvalidError: there is no such file, or a line of it makes no sense.
        """
        if os.environ.get("BURROW_CONTAINER_ID"):
            return Secret({})
        from burrow._client.dotenv import find_dotenv, parse_dotenv

        found = find_dotenv(path or os.getcwd(), filename)
        return Secret.from_dict(dict(parse_dotenv(found, os.environ)))

    @staticmethod
    def from_local_environ(env_keys: "Sequence[str]") -> "Secret":
        """Variables of this process. In a container, where they are not known, it is empty.

        Raises:
            InvalidError: one of them is not set.
        """
        if os.environ.get("BURROW_CONTAINER_ID"):
            return Secret({})
        absent = [name for name in env_keys if name not in os.environ]
        if absent:
            raise InvalidError("The environment has no %s, of which a secret is made." % absent[0])
        return Secret.from_dict({name: os.environ[name] for name in env_keys})

    @with_aio
    def hydrate(self) -> "Secret":
        """Makes sure that a stored secret is there; returns it. For programs outside of containers.

        Raises:
            NotFoundError: there is none of that name.
        """
        if self._name is not None:
            from burrow._client.calls import default_call_client

            answer = default_call_client().transport.unary("Secrets/List", {})
            if self._name not in [secret.get("name") for secret in answer.get("secrets", ())]:
                raise NotFoundError("There is no secret %s: burrow secret create." % self._name)
        return self

    def _message(self) -> "dict[str, Any]":
        """The FunctionSecret message."""
        if self._name is None:
            return {"variables": {"variables": self._variables}}
        message: "dict[str, Any]" = {"name": self._name}
        if self._required_keys:
            message["requiredKeys"] = list(self._required_keys)
        return message

    def _identity(self) -> "tuple[Any, ...]":
        return self._name, self._required_keys, tuple(self._variables.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((self._name, tuple(self._variables)))

    def __repr__(self) -> str:
        return "<burrow.Secret %s>" % (self._name or ", ".join(self._variables))


def _check_keys(names: "Iterable[Any]") -> None:
    for name in names:
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise InvalidError("%r cannot name an environment variable." % (name,))


def check_secrets(value: "Any") -> "list[Secret]":
    """What `secrets=` was given."""
    secrets = list(value or ())
    for secret in secrets:
        if not isinstance(secret, Secret):
            raise InvalidError(
                "secrets must be a list of burrow.Secret, not of %s." % type(secret).__name__
            )
    return secrets
