"""`burrow.Volume.objects`: volumes as a whole."""

from __future__ import annotations

from burrow._aio import with_aio
from burrow._options import check_name
from burrow.exception import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from burrow._client.volumes import VolumeClient
    from burrow.volume import Volume


class VolumeObjects:
    """Makes, lists and deletes volumes.

    Example:
        burrow.Volume.objects.create("weights")
        for volume in burrow.Volume.objects.list():
            print(volume.name)
    """

    @with_aio
    def create(self, name: str, *, allow_existing: bool = False) -> None:
        """Makes an empty volume.

        Raises:
            AlreadyExistsError: there is one, and `allow_existing` is not set.
        """
        volume_client().create(check_name("A volume's name", name), allow_existing)

    @with_aio
    def list(self) -> "List[Volume]":
        """Every volume of the workspace, by name."""
        from burrow.volume import Volume

        return [Volume(str(info["name"])) for info in volume_client().all()]

    @with_aio
    def delete(self, name: str, *, allow_missing: bool = False) -> None:
        """Deletes a volume with its files.

        Raises:
            NotFoundError: there is none, and `allow_missing` is not set.
            InvalidError: a function of a running app, or a container, has it.
        """
        client = volume_client()
        try:
            info = client.get(check_name("A volume's name", name))
        except NotFoundError:
            if not allow_missing:
                raise
            return
        client.delete(str(info["volumeId"]))


def volume_client() -> "VolumeClient":
    """For the configured server."""
    from burrow._client.calls import default_call_client
    from burrow._client.volumes import VolumeClient

    return VolumeClient(default_call_client().transport)
