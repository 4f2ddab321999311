"""`burrow build`: makes an image of a Dockerfile."""

from __future__ import annotations

import os
import sys

from burrow._client.agent_relay import AgentRelay
from burrow._client.blobs import BlobClient
from burrow._client.build_stream import follow_build
from burrow._client.compiled_image import CompiledImage, secret_message
from burrow._client.config import load_config
from burrow._client.context import ignore_patterns
from burrow._client.dockerfile_step import append_dockerfile
from burrow._client.transport import Transport
from burrow.cli.build_lines import BuildLines, QuietBuild
from burrow.cli.build_options import agent_socket, build_arguments, find_source, read_secret
from burrow.exception import AuthError, ConnectionError, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any, Union

    from burrow.cli.build_tree import BuildTree

    Report = Union[QuietBuild, BuildTree]


def build_image(options: "Namespace") -> int:
    """Prints the image's id last on standard output. Ctrl-C ends the build on the server, too."""
    report = _report(options.progress)
    progress = _Progress(report)
    try:
        info = _build(options, report, progress)
    except KeyboardInterrupt:
        report.close()
        print("Build stopped: steps that had ended stay cached.", file=sys.stderr)
        return 130
    except (AuthError, ConnectionError):
        report.close()
        raise
    except Error as error:
        report.close()
        print("Error: %s" % error, file=sys.stderr)
        progress.say_where_to_look()
        return 1
    except BaseException:
        report.close()
        raise
    report.close()
    print(info.get("imageId", ""))
    return 0


class _Progress:
    """Remembers what is to be said where the build fails."""

    def __init__(self, report: "Report") -> None:
        self._report = report
        self.build_id = ""
        self._has_log = False
        self._failed = False

    def image_build(self, build_id: str) -> None:
        self.build_id = build_id
        self._report.image_build(build_id)

    def image_step(self, step: "dict[str, Any]") -> None:
        self._has_log = True
        self._failed = self._failed or step.get("state") == "STATE_FAILED"
        self._report.image_step(step)

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._report, name)

    def say_where_to_look(self) -> None:
        """What helps after a failed build."""
        if not self.build_id or not self._has_log:
            return
        lines = ["This was build %s." % self.build_id]
        lines.append("Its whole output:          burrow image logs %s" % self.build_id)
        if self._failed:
            lines.append("Its files as they were:    burrow shell --step %s" % self.build_id)
        print("\n".join(lines), file=sys.stderr)


def _build(options: "Namespace", report: "Report", progress: "Any") -> "dict[str, Any]":
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
        report.image_note(note)
    sockets = dict(agent_socket(text) for text in options.ssh)
    request = _request(options, compiled, list(sockets))
    transport = Transport(load_config())
    compiled.upload(BlobClient(transport), report.upload)
    relay = AgentRelay(transport, sockets) if sockets else None
    try:
        return follow_build(transport, request, progress, relay)
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
