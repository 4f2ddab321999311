"""Secrets: environment variables that are shown to what runs, and kept nowhere."""

from __future__ import annotations

import os

from burrow._options import check_environment
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence


class Secret:
    """Environment variables whose values are in no image, log or error. Two are equal by content.

    Example:
        token = burrow.Secret.from_local_environ(["HUB_TOKEN"])
        image = image.run_function(download_weights, secrets=[token])
    """

    __slots__ = ("_variables",)

    def __init__(self, variables: "dict[str, str]") -> None:
        self._variables = variables

    @staticmethod
    def from_dict(env_dict: "dict[str, str]") -> "Secret":
        """Variables by name.

        Raises:
            InvalidError: a name is none, or a value holds a line break.
        """
        checked = check_environment(env_dict)
        for name, value in checked.items():
            if "\n" in value or "\n" in name:
                raise InvalidError("The secret %s holds a line break: encode it." % name)
        return Secret(dict(sorted(checked.items())))

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._variables == other._variables

    def __hash__(self) -> int:
        return hash(tuple(self._variables))

    def __repr__(self) -> str:
        return "<burrow.Secret %s>" % ", ".join(self._variables)
