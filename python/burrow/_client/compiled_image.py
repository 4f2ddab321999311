"""A recipe as a BuildRequest, and what must be on the server before it is sent."""

from __future__ import annotations

import hashlib

from burrow._client.upload import upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._client.blobs import BlobClient
    from burrow._client.files import LocalFile
    from burrow._client.upload import Progress
    from burrow._recipe import Conditions
    from burrow.secret import Secret
    from burrow.volume import Volume


class CompiledImage:
    """Steps and their needs.

    Attributes:
        steps: ImageStep messages.
        files: of this machine, whose contents the server needs.
        references: images of registries that the steps name, as far as that is known here.
        notes: what the user should know.
    """

    def __init__(self) -> None:
        self.steps: "list[dict[str, Any]]" = []
        self.files: "list[LocalFile]" = []
        self.references: "list[str]" = []
        self.notes: "list[str]" = []
        self._blobs: "dict[str, bytes]" = {}
        self._secrets: "list[Secret]" = []
        self._volumes: "list[tuple[dict[str, Any], dict[str, Volume]]]" = []

    def upload_bytes(self, data: bytes) -> str:
        """Takes content along that is in no file; returns its digest."""
        digest = hashlib.sha256(data).hexdigest()
        self._blobs[digest] = data
        return digest

    def add_conditions(self, conditions: "Conditions") -> None:
        """Under which the last step is taken."""
        step = self.steps[-1]
        if conditions.secrets:
            step["secrets"] = [self._secret_id(secret) for secret in conditions.secrets]
            if "base" in step:  # nobody needs what this machine knows of its registry
                self.references.clear()
        if conditions.env:
            step["variables"] = dict(sorted(conditions.env.items()))
        if conditions.force_build:
            step["fresh"] = True

    def _secret_id(self, secret: "Secret") -> str:
        """What steps call a secret: by the order in which they need it, never by what it holds."""
        if secret not in self._secrets:
            self._secrets.append(secret)
        return "secret-%d" % (self._secrets.index(secret) + 1)

    def add_volumes(self, spec: "dict[str, Any]", volumes: "dict[str, Volume]") -> None:
        """Volumes by path that the function of a step has."""
        if volumes:
            self._volumes.append((spec, volumes))

    def find_volumes(self) -> None:
        """Looks them up; what the steps say is whole only afterwards.

        Raises:
            NotFoundError: one of them is not there, and is not to be made.
        """
        for spec, volumes in self._volumes:
            from burrow.volume import mount_messages

            spec["volumes"] = mount_messages(volumes)

    def upload(self, blobs: "BlobClient", progress: "Progress | None" = None) -> None:
        """Sends what the server lacks.

        Raises:
            InvalidError: a file changed since it was hashed.
        """
        upload(self.files, blobs, progress)
        for data in self._blobs.values():
            blobs.upload_bytes(data)

    def request(self) -> "dict[str, Any]":
        """The BuildRequest message."""
        request: "dict[str, Any]" = {"steps": self.steps}
        logins = self._logins()
        if logins:
            request["logins"] = logins
        if self._secrets:
            request["secrets"] = [
                {"id": self._secret_id(secret), "environment": secret._message()}
                for secret in self._secrets
            ]
        return request

    def _logins(self) -> "list[dict[str, str]]":
        if not self.references:
            return []
        from burrow._client.registry_login import login_for

        found = [login_for(reference) for reference in self.references]
        return list({login["host"]: login for login in found if login}.values())


def secret_message(name: str, value: bytes) -> "dict[str, str]":
    """The BuildSecret message."""
    import base64

    return {"id": name, "value": base64.b64encode(value).decode("ascii")}
