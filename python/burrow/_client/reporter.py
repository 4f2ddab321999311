"""What a running app tells the person who started it."""

from __future__ import annotations

import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, TextIO


class LogPrinter:
    """Prints remote output lines to the local stdout and stderr. May be used from any thread.

    Args:
        red_stderr: colour the remote stderr, for a terminal.
        outlives_reader: go on silently when whoever read our output has left.

    Attributes:
        on_reader_left: called when nobody reads the standard output any more. May be None.
    """

    def __init__(self, red_stderr: bool = False, outlives_reader: bool = True) -> None:
        self._outlives_reader = outlives_reader
        self.on_reader_left: "Callable[[], None] | None" = None
        self._lock = threading.Lock()
        self._red = red_stderr
        # For each stream the source whose line there has no newline yet.
        self._open: "dict[str, str]" = {}

    def print(self, line: "dict[str, Any]") -> None:
        """Prints a LogLine message."""
        kind = line.get("stream", "LOG_STREAM_STDOUT")
        to_stdout = kind in ("LOG_STREAM_STDOUT", 1)
        text = line.get("text", "")
        source = "%s %s" % (line.get("containerId", ""), kind)
        if kind in ("LOG_STREAM_SYSTEM", 3):
            text = "burrow: " + text
        elif not to_stdout and self._red:
            text = "\x1b[31m%s\x1b[0m" % text
        with self._lock:
            name = "stdout" if to_stdout else "stderr"
            if self._open.get(name, source) != source:
                text = "\n" + text
            if line.get("partial"):
                self._open[name] = source
            else:
                self._open.pop(name, None)
                text += "\n"
            self._write(sys.stdout if to_stdout else sys.stderr, text)

    def finish(self) -> None:
        """Ends lines that have no newline yet."""
        with self._lock:
            for name in self._open:
                self._write(sys.stdout if name == "stdout" else sys.stderr, "\n")
            self._open.clear()

    def _write(self, stream: "TextIO", text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except BrokenPipeError:
            if not self._outlives_reader:
                raise
            told = self.on_reader_left
            if told is not None and stream is sys.stdout:
                self.on_reader_left = None
                told()
        except ValueError:  # the stream is closed: the interpreter ends
            pass


def goes_on(app_id: str) -> str:
    """What whoever leaves a detached app should know."""
    return (
        "The app %s goes on until its calls have ended: `burrow logs %s -f` shows what they print, "
        "`burrow app stop %s` ends them." % (app_id, app_id, app_id)
    )


class Reporter:
    """Receives the steps of a run; this one shows the remote output and nothing else.

    `log` and `container` are called by the watching thread, the others by the thread that runs the app.
    """

    def __init__(self, red_stderr: bool = False) -> None:
        self.logs = LogPrinter(red_stderr)

    def app_created(self, name: str, app_id: str, ms: float) -> None:
        """The server knows the app."""

    def image_started(self, label: str) -> None:
        """The image that `label` names is being asked for."""

    def upload(self, files: int, all_files: int, sent: int, all_bytes: int) -> None:
        """So many files and bytes of an image's files have travelled. May come from any thread."""

    def image_build(self, build_id: str) -> None:
        """The server has begun to build; the id names the log."""

    def image_step(self, step: "dict[str, Any]") -> None:
        """A StepEvent message. Several steps may run at once."""

    def image_output(self, output: "dict[str, Any]") -> None:
        """A StepOutput message: one line that a build step printed."""

    def image_wait(self, wait: "dict[str, Any]") -> None:
        """A StepWait message: a step waits for something, or goes on."""

    def note(self, text: str) -> None:
        """Something that the user should know. May come from any thread."""

    def image_ready(self, label: str, image: "dict[str, Any]", ms: float) -> None:
        """An ImageInfo message, after `ms` milliseconds."""

    def source_uploaded(self, files: int, sent_files: int, sent_bytes: int, ms: float) -> None:
        """The server has every source file; `sent_files` of them travelled."""

    def published(self, functions: "list[str]", ms: float) -> None:
        """The functions can be called."""

    def container(self, info: "dict[str, Any]") -> None:
        """A ContainerInfo message: a container changed its state."""

    def log(self, line: "dict[str, Any]") -> None:
        """A LogLine message."""
        self.logs.print(line)

    def stopping(self) -> None:
        """The app is about to be stopped."""

    def stopped(self) -> None:
        """The app is stopped and its output is complete."""
        self.logs.finish()

    def left(self, app_id: str) -> None:
        """The app goes on without this client."""
        self.logs.finish()

    def close(self) -> None:
        """There is nothing more to show, also where the app never began. May be called again."""
