"""Volumes: files by name that outlive containers, and that many containers have at once."""

from __future__ import annotations

import os
import posixpath

from burrow._aio import static_with_aio, with_aio, with_async_iterator
from burrow._options import check_name, refuse_environment
from burrow._volume_objects import VolumeObjects, volume_client
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Iterator, Sequence

    from burrow._client.volume_batch import VolumeBatch
    from burrow._client.volume_entries import FileEntry
    from burrow._client.volumes import VolumeClient
    from burrow._ephemeral_volume import EphemeralVolume


class Volume:
    """Files that containers share and keep. Nothing is asked of the server before the first use.

    A container sees the volume as it was when the container started, and its own writes; `reload`
    brings what others committed since. What it writes is committed at times, when it ends, and by
    `commit`; of two who write one path the last one wins. See docs/volumes.md.

    Example:
        weights = burrow.Volume.from_name("weights", create_if_missing=True)

        @app.function(volumes={"/weights": weights})
        def train() -> None:
            open("/weights/model.bin", "wb").write(b"...")
            weights.commit()
    """

    objects = VolumeObjects()  # volumes as a whole

    def __init__(
        self, name: str, create_if_missing: bool = False, is_read_only: bool = False
    ) -> None:
        self._name = name
        self._create = create_if_missing
        self._is_read_only = is_read_only
        self._id = ""  # once it is known
        self._known_client: "VolumeClient | None" = None

    @staticmethod
    def from_name(
        name: str, *, environment_name: None = None, create_if_missing: bool = False
    ) -> "Volume":
        """The volume of that name, looked up when it is used first.

        Args:
            environment_name: None; Burrow has workspaces instead.
            create_if_missing: makes an empty one where there is none.

        Example:
            weights = burrow.Volume.from_name("weights", create_if_missing=True)
        """
        refuse_environment(environment_name)
        return Volume(check_name("A volume's name", name), bool(create_if_missing))

    @staticmethod
    def ephemeral() -> "EphemeralVolume":
        """A volume for a `with` or `async with` block, deleted at its end.

        Example:
            with burrow.Volume.ephemeral() as scratch, app.run():
                ...
        """
        from burrow._ephemeral_volume import EphemeralVolume

        return EphemeralVolume()

    @static_with_aio
    def delete(name: str) -> None:  # type: ignore[misc]
        """Deletes a volume with its files; as `Volume.objects.delete`."""
        Volume.objects.delete(name)

    @static_with_aio
    def rename(old_name: str, new_name: str) -> None:  # type: ignore[misc]
        """Gives a volume another name; functions that have it keep it.

        Raises:
            NotFoundError: there is no such volume.
            AlreadyExistsError: the other name is taken.
        """
        client = volume_client()
        info = client.get(check_name("A volume's name", old_name))
        client.rename(str(info["volumeId"]), check_name("A volume's name", new_name))

    @property
    def name(self) -> str:
        """What it was looked up by."""
        return self._name

    def read_only(self) -> "Volume":
        """The same volume, which containers that are given this may read, but not write.

        Example:
            @app.function(volumes={"/weights": weights.read_only()})
        """
        return Volume(self._name, self._create, True)

    @with_aio
    def hydrate(self) -> "Volume":
        """Looks the volume up now, or makes it; returns it.

        Raises:
            NotFoundError: there is none, and create_if_missing is not set.
        """
        if not self._id:
            client = self._client()
            if self._create:
                info = client.create(self._name, True)
            else:
                info = client.get(self._name)
            self._id = str(info["volumeId"])
        return self

    @property
    def object_id(self) -> str:
        """Its id on the server."""
        self.hydrate()
        return self._id

    @with_aio
    def commit(self) -> None:
        """Makes what this container has written part of the volume, for all who start or reload later.

        Raises:
            InvalidError: this is no container, or it does not have the volume.
            ResourceExhaustedError: the workspace may not keep as much.
        """
        self._check_container("commit")
        self._client().commit(self.object_id)

    @with_aio
    def reload(self) -> None:
        """Commits, and shows this container what others have committed.

        Raises:
            InvalidError: files of the volume are open, this is no container, or it does not have
                the volume.
        """
        self._check_container("reload")
        self._client().reload(self.object_id)

    @with_aio
    def listdir(self, path: str, *, recursive: bool = False) -> "list[FileEntry]":
        """What is in a directory, or the file itself, in order of names.

        Raises:
            FileNotFoundError: nothing is at the path.
        """
        return list(self.iterdir(path, recursive=recursive))

    @with_async_iterator
    def iterdir(self, path: str, *, recursive: bool = True) -> "Iterator[FileEntry]":
        """Like `listdir`, an entry at a time.

        Example:
            for entry in weights.iterdir("/"):
                print(entry.path, entry.size)
        """
        return self._client().entries(self.object_id, volume_path(path), recursive)

    @with_async_iterator
    def read_file(self, path: str) -> "Iterator[bytes]":
        """The content of a file as it is committed, in pieces; the last one comes once all is verified.

        Raises:
            FileNotFoundError, IsADirectoryError: there is no such file.

        Example:
            data = b"".join(weights.read_file("model.bin"))
        """
        return self._client().read(self.object_id, volume_path(path))

    @with_aio
    def read_file_into_fileobj(self, path: str, fileobj: "BinaryIO") -> int:
        """Writes the content of a file into an open one; returns how many bytes there were."""
        size = 0
        for part in self.read_file(path):
            fileobj.write(part)
            size += len(part)
        return size

    @with_aio
    def remove_file(self, path: str, recursive: bool = False) -> None:
        """Removes a file, or with `recursive` a directory and all in it.

        Raises:
            FileNotFoundError: nothing is at the path.
            IsADirectoryError: a directory is, and `recursive` is not set.
        """
        from burrow._client.volume_edits import remove

        remove(self._client(), self.object_id, volume_path(path), recursive)

    @with_aio
    def copy_files(
        self, src_paths: "Sequence[str]", dst_path: str, recursive: bool = False
    ) -> None:
        """Copies files inside the volume, without moving their content; replaces what is there.

        Args:
            src_paths: files, or with `recursive` directories.
            dst_path: what one file becomes, or the directory that they go into.

        Raises:
            FileNotFoundError, IsADirectoryError, NotADirectoryError: a path is not as it must be.

        Example:
            weights.copy_files(["new/model.bin", "new/vocabulary"], "/current")
        """
        from burrow._client.volume_edits import copy

        if isinstance(src_paths, str):
            raise InvalidError("src_paths must be a list of paths, not %r." % src_paths)
        sources = [volume_path(path) for path in src_paths]
        into = str(dst_path).endswith("/")
        copy(self._client(), self.object_id, sources, volume_path(dst_path), into, recursive)

    def batch_upload(self, force: bool = False) -> "VolumeBatch":
        """Files of this machine that are put into the volume at the end of a `with` block, all or none.

        Args:
            force: replace what is there; otherwise FileExistsError is raised.

        Example:
            with weights.batch_upload() as batch:
                batch.put_file("model.bin", "/model.bin")
                batch.put_file(io.BytesIO(b"note"), "/notes/today")
                batch.put_directory("vocabulary", "/vocabulary")
        """
        from burrow._client.volume_batch import VolumeBatch

        if self._is_read_only:
            raise InvalidError("The volume %s is read_only() here." % self._name)
        return VolumeBatch(self, bool(force))

    def _client(self) -> "VolumeClient":
        if self._known_client is None:
            self._known_client = volume_client()
        return self._known_client

    def _check_container(self, what: str) -> None:
        if not os.environ.get("BURROW_CONTAINER_ID"):
            raise InvalidError(
                "%s() of the volume %s is for functions in containers that have it: elsewhere what "
                "is read and uploaded is the committed volume itself." % (what, self._name)
            )
        if self._is_read_only and what == "commit":
            raise InvalidError("The volume %s is read_only() here." % self._name)

    def _identity(self) -> "tuple[Any, ...]":
        return self._name, self._create, self._is_read_only

    def __reduce__(self) -> "tuple[Any, ...]":
        return Volume, self._identity()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Volume) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return "<burrow.Volume %s>" % self._name


def volume_path(path: "Any") -> str:
    """A path inside a volume without its slashes at either end; "" for the root.

    Raises:
        InvalidError: it leads out of the volume.
    """
    text = os.fspath(path)
    if not isinstance(text, str) or "\0" in text:
        raise InvalidError("%r is no path in a volume." % (path,))
    if ".." in text.split("/"):
        raise InvalidError("%r is no path in a volume: it must not have '..' in it." % (text,))
    return posixpath.normpath("/" + text).strip("/")


def check_volumes(value: "Any") -> "dict[str, Volume]":
    """What `volumes=` was given: volumes by absolute path."""
    if not isinstance(value, dict):
        raise InvalidError("volumes must be a dict of paths and burrow.Volume, not %r." % (value,))
    checked: "dict[str, Volume]" = {}
    for path, volume in value.items():
        text = os.fspath(path) if hasattr(path, "__fspath__") else path
        good = isinstance(text, str) and text.startswith("/") and ".." not in text.split("/")
        normal = posixpath.normpath(text) if good else ""
        if not good or normal.strip("/") == "":
            raise InvalidError("A volume cannot be mounted at %r: name an absolute path." % (path,))
        if not isinstance(volume, Volume):
            raise InvalidError("At %s there must be a burrow.Volume, not %r." % (path, volume))
        checked["/" + normal.strip("/")] = volume
    return checked


def mount_messages(volumes: "dict[str, Volume]") -> "list[dict[str, Any]]":
    """VolumeMount messages, sorted by path; looks the volumes up.

    Raises:
        NotFoundError: one of them is not there, and is not to be made.
    """
    return [
        {"volumeId": volume.object_id, "path": path, "readOnly": volume._is_read_only}
        for path, volume in sorted(volumes.items())
    ]
