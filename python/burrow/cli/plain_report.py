"""Progress as plain lines, for a pipe or a file."""

from __future__ import annotations

import sys

from burrow._client.reporter import Reporter, goes_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class PlainReport(Reporter):
    """Says only what took time or went wrong, each in one line on stderr."""

    def __init__(self) -> None:
        super().__init__()
        self._interrupted = False

    def image_step(self, step: "dict[str, Any]") -> None:
        state, text = step.get("state"), step.get("description", "")
        if state == "STATE_STARTED":
            self._say("building image: %s" % text)
        elif state == "STATE_DONE":
            self._say("built in %.1f s: %s" % (step.get("ms", 0) / 1000, text))
        elif state == "STATE_FAILED":
            self._say("failed after %.1f s: %s" % (step.get("ms", 0) / 1000, text))

    def image_wait(self, wait: "dict[str, Any]") -> None:
        if wait.get("waitsFor"):
            self._say("waiting for %s ..." % wait["waitsFor"])

    def note(self, text: str) -> None:
        self._say("note: %s" % text)

    def stopping(self) -> None:
        self._interrupted = isinstance(sys.exc_info()[1], KeyboardInterrupt)
        if self._interrupted:
            sys.stderr.write("Stopping app... ")
            sys.stderr.flush()

    def stopped(self) -> None:
        super().stopped()
        if self._interrupted:
            self._say("stopped.")

    def left(self, app_id: str) -> None:
        super().left(app_id)
        self._say(goes_on(app_id))

    def _say(self, text: str) -> None:
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            pass
