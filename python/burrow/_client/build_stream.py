"""Follows one build: shows what it says, answers for ssh agents, goes on after a server's restart."""

from __future__ import annotations

import time

from burrow._client.errors import ServerUnavailable
from burrow._client.http_connection import AnswerTimeout, ConnectionLost
from burrow._client.stream import Stream
from burrow._client.transport import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._client.agent_relay import AgentRelay
    from burrow._client.reporter import Reporter
    from burrow._client.transport import Transport

_IDLE_TIMEOUT = 3600.0
_PAUSE = 0.5


class BuildState:
    """What is known of a build, for the case that it fails."""

    def __init__(self) -> None:
        self.build_id = ""
        self.has_log = False
        self.has_left_files = False

    def take(self, event: "dict[str, Any]") -> None:
        """Brings a BuildEvent in."""
        if "buildId" in event:
            self.build_id = str(event["buildId"])
            self.has_log = self.has_left_files = False
        self.has_log = self.has_log or "step" in event
        if event.get("step", {}).get("leftImage"):
            self.has_left_files = True

    def advice(self) -> str:
        """Where to look after a failure, each in a line of its own; may be empty."""
        if not self.build_id or not self.has_log:
            return ""
        lines = ["", "This was build %s." % self.build_id]
        lines.append("Its whole output:          burrow image logs %s" % self.build_id)
        if self.has_left_files:
            lines.append("Its files as they were:    burrow shell --step %s" % self.build_id)
        return "\n".join(lines)


def follow_build(
    transport: "Transport",
    request: "dict[str, Any]",
    reporter: "Reporter",
    state: BuildState,
    relay: "AgentRelay | None" = None,
) -> "dict[str, Any]":
    """Builds, and returns the ImageInfo message; empty where the server gave none.

    `state` follows the build, also one that fails.

    Where the server restarts meanwhile, the build is asked for again: finished steps are cached.

    Raises:
        ConnectionError: the server cannot be reached, or stays away.
        Error: the build failed.
    """
    lost_since = 0.0
    while True:
        info: "dict[str, Any]" = {}
        try:
            for event in Stream(transport, "Images/Build", request, _IDLE_TIMEOUT):
                lost_since = 0.0
                state.take(event)
                if "image" in event:
                    info = event["image"]
                elif "agent" in event:
                    if relay is not None:
                        relay.take(event["agent"])
                else:
                    _report(event, reporter)
            return info
        except AnswerTimeout as error:
            raise transport.unreachable(error) from None
        except (OSError, ConnectionLost, ServerUnavailable) as error:
            now = time.monotonic()
            lost_since = lost_since or now
            if now - lost_since > PATIENCE:
                raise transport.unreachable(error) from None
        time.sleep(_PAUSE)


def _report(event: "dict[str, Any]", reporter: "Reporter") -> None:
    if "step" in event:
        reporter.image_step(event["step"])
    elif "output" in event:
        reporter.image_output(event["output"])
    elif "wait" in event:
        reporter.image_wait(event["wait"])
    elif "note" in event:
        reporter.note(str(event["note"]))
    elif "buildId" in event:
        reporter.image_build(str(event["buildId"]))
