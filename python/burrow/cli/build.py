"""`burrow build`: makes an image of a Dockerfile."""

from __future__ import annotations

import os
import sys

from burrow._client.blobs import BlobClient
from burrow._client.build_stream import BuildState, follow_build
from burrow._client.compiled_image import CompiledImage, secret_message
from burrow._client.config import load_config
from burrow._client.context import ignore_patterns
from burrow._client.dockerfile_step import append_dockerfile
from burrow._client.transport import Transport
from burrow.cli.build_lines import BuildLines, QuietBuild
from burrow.cli.build_options import (
    agent_socket,
    build_arguments,
    find_source,
    read_secret,
    step_timeout_ms,
)
from burrow.exception import AuthError, ConnectionError, Error, InfrastructureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any, Union

    from burrow.cli.build_tree import BuildTree

    Report = Union[QuietBuild, BuildTree]


def build_image(options: "Namespace") -> int:
    """Prints the image's id last on standard output. Ctrl-C ends the build on the server, too."""
    report = _report(options.progress)
    state = BuildState()
    try:
        try:
            info = _build(options, report, state)
        finally:
            report.close()
    except KeyboardInterrupt:
        print("Build stopped: steps that had ended stay cached.", file=sys.stderr)
        return 130
    except (AuthError, ConnectionError):
        raise
    except Error as error:
        print("Error: %s%s" % (error, state.advice()), file=sys.stderr)
        return 1
    if not info.get("imageId"):
        raise InfrastructureError("The build ended without an image: look at burrowd's log.")
    print(info["imageId"])
    return 0


def _build(options: "Namespace", report: "Report", state: BuildState) -> "dict[str, Any]":
    source = find_source(options.place, options.file)
    compiled = CompiledImage()
    ignore = None
    if source.context is not None:
        ignore = ignore_patterns(source.context, source.path)
    arguments = build_arguments(options.build_arg)
    append_dockerfile(
        compiled, source.name, source.text, source.context, ignore, arguments, options.target or ""
    )
    for note in compiled.notes:
        report.note(note)
    sockets = dict(agent_socket(text) for text in options.ssh)
    request = _request(options, compiled, list(sockets))
    transport = Transport(load_config())
    compiled.upload(BlobClient(transport), report.upload)
    relay = None
    if sockets:
        from burrow._client.agent_relay import AgentRelay

        relay = AgentRelay(transport, sockets)
    try:
        return follow_build(transport, request, report, state, relay)
    finally:
        if relay is not None:
            relay.close()


def _request(
    options: "Namespace", compiled: CompiledImage, agents: "list[str]"
) -> "dict[str, Any]":
    request = compiled.request()
    secrets = dict(read_secret(text) for text in options.secret)
    fields: "dict[str, Any]" = {
        "names": options.tag,
        "noCache": options.no_cache,
        "noCacheFilter": [
            stage for text in options.no_cache_filter for stage in text.split(",") if stage
        ],
        "secrets": [secret_message(name, value) for name, value in secrets.items()],
        "agents": agents,
        "plainHttp": options.plain_http,
        "stepTimeoutMs": step_timeout_ms(options.step_timeout),
    }
    request.update((name, value) for name, value in fields.items() if value)
    if options.source_date_epoch is not None:
        request["sourceDateEpoch"] = str(options.source_date_epoch)
    return request


def _report(progress: str) -> "Report":
    if progress == "quiet":
        return QuietBuild()
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if progress == "auto" and is_terminal:
        from burrow.cli.build_tree import BuildTree

        return BuildTree()
    return BuildLines()
