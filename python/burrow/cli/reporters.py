"""Chooses what shows the steps of a run."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from burrow._client.reporter import Reporter


def make_reporter(quiet: bool) -> "Reporter":
    """What shows the steps of a run, as the terminal can."""
    if quiet:
        from burrow._client.reporter import Reporter

        return Reporter(red_stderr=sys.stderr.isatty())
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from burrow.cli.status_tree import StatusTree

        return StatusTree()
    from burrow.cli.plain_report import PlainReport

    return PlainReport()
