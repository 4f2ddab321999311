"""`burrow volume create`, `list`, `ls`, `put`, `get`, `rm`, `cp`, `rename` and `delete`."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager

from burrow._volume_objects import volume_client
from burrow.cli.tables import age, size, table
from burrow.exception import InvalidError
from burrow.volume import Volume, volume_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any, Iterator


@contextmanager
def _plain_errors() -> "Iterator[None]":
    """What a path is not, in a sentence instead of a traceback."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise InvalidError(str(error)) from None


def create(options: "Namespace") -> int:
    """`burrow volume create`"""
    Volume.objects.create(options.name)
    print("Created the volume %s" % options.name)
    return 0


def list_volumes(options: "Namespace") -> int:
    """`burrow volume list`"""
    volumes = volume_client().all()
    if options.json:
        print(json.dumps([_fields(info) for info in volumes], indent=2))
        return 0
    rows = [
        [
            str(info.get("name", "")),
            str(info.get("files", 0)),
            size(info.get("bytes")),
            str(info.get("version", 0)),
            age(info.get("createdMs")),
            age(info.get("changedMs")),
        ]
        for info in volumes
    ]
    sys.stdout.write(table(["VOLUME", "FILES", "SIZE", "VERSION", "AGE", "CHANGED"], rows))
    return 0


def _fields(info: "dict[str, Any]") -> "dict[str, Any]":
    return {
        "name": info.get("name", ""),
        "volume_id": info.get("volumeId", ""),
        "files": int(info.get("files", 0)),
        "bytes": int(info.get("bytes", 0)),
        "version": int(info.get("version", 0)),
        "created_ms": int(info.get("createdMs", 0)),
        "changed_ms": int(info.get("changedMs", 0)),
    }


@_plain_errors()
def list_files(options: "Namespace") -> int:
    """`burrow volume ls`"""
    entries = Volume.from_name(options.name).listdir(options.path)
    if options.json:
        documents = [
            {
                "path": entry.path.encode("utf-8", "replace").decode("utf-8"),
                "type": entry.type.name.lower(),
                "size": entry.size,
                "mtime": entry.mtime,
                "mode": "%04o" % entry.mode,
                "sha256": entry.digest,
            }
            for entry in entries
        ]
        print(json.dumps(documents, indent=2))
        return 0
    rows = [
        [shown(entry.path), entry.type.name.lower(), _when(entry.mtime), size(entry.size)]
        for entry in entries
    ]
    sys.stdout.write(table(["PATH", "TYPE", "MODIFIED", "SIZE"], rows))
    return 0


def shown(path: str) -> str:
    """A path for a terminal, which bytes of it cannot command."""
    return "".join(c if c.isprintable() else "?" for c in path)


def _when(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):
        return "-"


@_plain_errors()
def put(options: "Namespace") -> int:
    """`burrow volume put`"""
    local = options.local
    with Volume.from_name(options.name).batch_upload(force=options.force) as batch:
        if os.path.isdir(local):
            batch.put_directory(local, options.remote)
        else:
            batch.put_file(local, options.remote)
    print(
        "Put %s into %s: %d files, %s, were sent"
        % (local, options.name, batch.sent_files, size(batch.sent_bytes))
    )
    return 0


@_plain_errors()
def get(options: "Namespace") -> int:
    """`burrow volume get`"""
    from burrow.cli.volume_download import download, print_file

    volume = Volume.from_name(options.name)
    remote = volume_path(options.remote)
    if options.local == "-":
        print_file(volume, remote, sys.stdout.buffer)
        return 0
    files, count = download(volume, remote, options.local, options.force)
    print("Got %d files, %s" % (files, size(count)))
    return 0


@_plain_errors()
def remove(options: "Namespace") -> int:
    """`burrow volume rm`"""
    Volume.from_name(options.name).remove_file(options.path, recursive=options.recursive)
    print("Removed %s from %s" % (shown(options.path), options.name))
    return 0


@_plain_errors()
def copy(options: "Namespace") -> int:
    """`burrow volume cp`"""
    *sources, destination = options.paths
    if not sources:
        raise InvalidError("Name what is copied, and where to.")
    Volume.from_name(options.name).copy_files(sources, destination, options.recursive)
    print("Copied %s to %s" % (", ".join(map(shown, sources)), shown(destination)))
    return 0


def rename(options: "Namespace") -> int:
    """`burrow volume rename`"""
    Volume.rename(options.name, options.new_name)
    print("Renamed the volume %s to %s" % (options.name, options.new_name))
    return 0


def delete(options: "Namespace") -> int:
    """`burrow volume delete`"""
    if not options.yes:
        if not sys.stdin.isatty():
            raise InvalidError("This deletes all files of %s: say so by --yes." % options.name)
        answer = input("Delete the volume %s with all its files? [y/N] " % options.name)
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was deleted")
            return 1
    Volume.objects.delete(options.name)
    print("Deleted the volume %s" % options.name)
    return 0
