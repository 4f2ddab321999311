"""`burrow image import` of an archive or a directory of this machine."""

from __future__ import annotations

import os

from burrow._client.directory_tar import write_directory
from burrow._client.partial_archive import open_partial
from burrow._client.uploads import Upload, upload_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from burrow._client.partial_archive import PartialArchive
    from burrow._client.transport import Transport
    from burrow.cli.import_source import ImportSource
    from burrow.cli.transfer_report import TransferReport

    # Has the server import, with a request; gives what its stream ended with.
    Import = Callable[[dict[str, Any]], dict[str, Any]]

_ROOTFS = "ARCHIVE_KIND_ROOTFS"
_ROUNDS = 3  # layers that the server knew may have gone since


def import_archive(
    transport: "Transport", source: "ImportSource", report: "TransferReport", run: "Import"
) -> "dict[str, Any]":
    """Sends the layers that the server lacks, or all where that cannot be told. Returns the ImageInfo."""
    archive: "dict[str, Any]" = {
        "kind": source.kind or "ARCHIVE_KIND_UNSPECIFIED",
        "tag": source.tag,
        "title": os.path.basename(os.path.abspath(source.path))[:100],
    }
    partial = None if source.kind == _ROOTFS else open_partial(source.path, source.kind)
    image = _import_parts(transport, partial, report, run, archive) if partial else None
    if image is not None:
        return image
    archive["upload"] = _send_whole(transport, source, report)
    return run({"archive": archive}).get("image", {})


def _import_parts(
    transport: "Transport",
    partial: "PartialArchive",
    report: "TransferReport",
    run: "Import",
    archive: "dict[str, Any]",
) -> "Optional[dict[str, Any]]":
    """None if the server asks again for what it was sent."""
    sent: "set[str]" = set()
    for _ in range(_ROUNDS):
        upload = partial.send(transport, sorted(sent), report.sent)
        own = {"kind": partial.kind, "partial": True, "upload": upload}
        event = run({"archive": {**archive, **own}})
        if "wanted" not in event:
            return event.get("image", {})
        wanted = {str(name) for name in event["wanted"].get("members", ())}
        if wanted <= sent:
            break
        sent |= wanted
    return None


def _send_whole(transport: "Transport", source: "ImportSource", report: "TransferReport") -> str:
    if not os.path.isdir(source.path):
        return upload_file(transport, source.path, report.sent)
    upload = Upload(transport, report.sent)
    try:
        write_directory(source.path, upload)
        return upload.finish()
    finally:
        upload.close()
