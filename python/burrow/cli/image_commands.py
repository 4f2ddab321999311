"""The commands under `burrow image`: import, export, overlap, ls."""

from __future__ import annotations

import base64
import os
import sys

from burrow._client.config import load_config
from burrow._client.errors import ServerUnavailable
from burrow._client.http_connection import ConnectionLost
from burrow._client.registry_login import login_for
from burrow._client.stream import Stream
from burrow._client.transport import Transport
from burrow.cli.archive_import import import_archive
from burrow.cli.import_source import parse_source
from burrow.cli.tables import age, size, table
from burrow.cli.transfer_report import TransferReport
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any, Iterator

_IDLE_TIMEOUT = 600.0
_OVERLAP_TIMEOUT = 120.0


def list_images(options: "Namespace") -> int:
    """`burrow image ls`"""
    answer = Transport(load_config()).unary("Images/List", {})
    rows = [
        [
            item.get("imageId", ""),
            ",".join(item.get("names", ())) or "-",
            str(item.get("files", 0)),
            size(item.get("bytes")),
            age(item.get("createdMs")),
            item.get("description", ""),
        ]
        for item in answer.get("images", ())
    ]
    sys.stdout.write(table(["IMAGE", "NAMES", "FILES", "SIZE", "AGE", "DESCRIPTION"], rows))
    return 0


def import_image(options: "Namespace") -> int:
    """`burrow image import`: prints the image's id."""
    source = parse_source(options.source)
    transport = Transport(load_config())
    with TransferReport() as report:

        def run(request: "dict[str, Any]") -> "dict[str, Any]":
            last: "dict[str, Any]" = {}
            for event in _events(
                transport, "Images/Import", {**request, "name": options.name or ""}
            ):
                if "progress" in event:
                    report.imported(event["progress"])
                elif event:
                    last = event
            return last

        if source.reference:
            registry = {
                "reference": source.reference,
                "login": login_for(source.reference),
                "plainHttp": options.plain_http,
            }
            image = run({"registry": registry}).get("image", {})
        else:
            image = import_archive(transport, source, report, run)
    print(
        "%s  %d files, %s"
        % (image.get("imageId", ""), int(image.get("files", 0)), size(image.get("bytes")))
    )
    return 0


def export_image(options: "Namespace") -> int:
    """`burrow image export`: the file appears whole or not at all."""
    transport = Transport(load_config())
    kinds = {"oci": "EXPORT_FORMAT_OCI", "docker-archive": "EXPORT_FORMAT_DOCKER"}
    request = {"image": options.image, "format": kinds[options.format]}
    partial = "%s.%d.part" % (options.file, os.getpid())
    try:
        with TransferReport() as report, open(partial, "wb") as file:
            for event in _events(transport, "Images/Export", request):
                data = base64.b64decode(event.get("data", ""))
                file.write(data)
                report.moved("exported", len(data))
        os.replace(partial, options.file)
    except OSError as error:
        raise InvalidError("Cannot write %s: %s." % (options.file, error.strerror)) from None
    finally:
        if os.path.exists(partial):
            os.unlink(partial)
    return 0


def show_overlap(options: "Namespace") -> int:
    """`burrow image overlap`"""
    request = {"images": options.images}
    answer = Transport(load_config()).unary("Images/Overlap", request, _OVERLAP_TIMEOUT)
    regions = [
        (
            tuple(region.get("images", ())),
            int(region.get("files", 0)),
            int(region.get("bytes", 0)),
        )
        for region in answer.get("regions", ())
    ]
    regions.sort(key=lambda region: (-len(region[0]), region[0]))
    names = options.images
    rows = [
        [" ∩ ".join(names[i] for i in images), str(files), size(count)]
        for images, files, count in regions
    ]
    sys.stdout.write(table(["ONLY IN", "FILES", "SIZE"], rows))
    if options.svg:
        from burrow.cli.overlap_svg import overlap_svg

        try:
            with open(options.svg, "w", encoding="utf-8") as file:
                file.write(overlap_svg(names, regions))
        except OSError as error:
            raise InvalidError("Cannot write %s: %s." % (options.svg, error.strerror)) from None
    return 0


def _events(transport: Transport, method: str, request: "dict[str, Any]") -> "Iterator[Any]":
    """A stream's messages. Ctrl-C closes the connection, which ends the work on the server."""
    try:
        yield from Stream(transport, method, request, _IDLE_TIMEOUT)
    except (ConnectionLost, ServerUnavailable) as error:
        raise transport.unreachable(error) from None
