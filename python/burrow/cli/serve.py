"""`burrow serve`: runs an app, and swaps its code whenever a file of it is saved."""

from __future__ import annotations

import os
import signal
import sys
import time

from burrow._client.file_watch import FileWatch
from burrow._client.served_app import ServedApp
from burrow._client.session import run_app
from burrow.cli.reloading import Program
from burrow.cli.reporters import make_reporter
from burrow.cli.whole_lines import whole_lines
from burrow.exception import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from burrow._client.session import Session


class _Terminated(KeyboardInterrupt):
    """SIGTERM came: the app is stopped as by Ctrl-C."""


def serve(options: "Namespace") -> int:
    """Ends with Ctrl-C, which stops the app, or when somebody else stops it."""
    signal.signal(signal.SIGTERM, _raise_terminated)
    path, _, variable = options.file.partition("::")
    program = Program(path, variable)
    try:
        app = program.load()
    except Error:
        raise
    except Exception as error:
        _show(error)
        return 1
    reporter = make_reporter(options.quiet)
    watch = FileWatch()
    watch.heed_signals()
    try:
        with whole_lines(), run_app(app, reporter) as session:
            reporter.logs.on_reader_left = watch.wake
            try:
                _Serving(program, session, watch).run()
            except KeyboardInterrupt:
                signal.signal(signal.SIGINT, _leave_at_once)
                raise
    except _Terminated:
        return 143
    finally:
        watch.close()
    return 0


class _Serving:
    """One run of `burrow serve`, from the app's start until it is to be stopped."""

    def __init__(self, program: Program, session: "Session", watch: FileWatch) -> None:
        self._program = program
        self._watch = watch
        self._session = session
        self._served = ServedApp(session, program.file)
        self._tried = self._served.state
        self._complaint = ""

    def run(self) -> None:
        self._session.on_ended = self._watch.wake
        if self._session.ended.is_set():
            return
        self._watch.watch(*self._tried.directories())
        names = _listed(self._session.app.functions)
        say("serving %s of %s (%s)" % (names, self._session.app.name, self._session.app_id))
        self._follow()  # what was saved while the app started
        while self._watch.wait():
            self._follow()
        if self._session.ended.is_set():
            say("the app was stopped")

    def _follow(self) -> None:
        """Looks at the files, and swaps what they say now."""
        start = self._watch.changed_at or time.monotonic()
        try:
            state = self._served.read()
            while self._watch.watch(*state.directories()):
                state = (
                    self._served.read()
                )  # a new directory may have been filled before it was watched
        except Error as error:  # a file is missing, perhaps for a moment
            self._complain("Error: %s" % error)
            return
        if not state.changed_since(self._tried):
            return
        self._tried = state
        try:
            app = self._program.reload(set(state.digests) | set(self._served.state.digests))
        except (Exception, SystemExit) as error:
            _show(error)
            say("the old code stays in place")
            return
        try:
            swap = self._served.swap(app)
        except Error as error:
            self._complain("Error: %s" % error)
            say("the old code stays in place")
            return
        self._complaint = ""
        self._tried = self._served.state
        self._watch.watch(*self._tried.directories())
        done = [
            "%s %s" % (what, _listed(names))
            for what, names in (("swapped", swap.swapped), ("removed", swap.removed))
            if names
        ]
        ms = (time.monotonic() - start) * 1000
        say("%s in %.0f ms" % (", ".join(done), ms) if done else "nothing to swap")

    def _complain(self, text: str) -> None:
        """Says it, unless it is what was said last."""
        if text != self._complaint:
            self._complaint = text
            say(text)


def say(text: str) -> None:
    """One line on stderr."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody reads it any more


def _listed(names: "Any") -> str:
    return ", ".join("%s()" % name for name in names) or "no function"


def _show(error: BaseException) -> None:
    """Shows what a file raised, where the user wrote it."""
    import linecache

    from burrow.cli.traceback_text import traceback_text

    linecache.checkcache()
    sys.stdout.flush()
    sys.stderr.write(traceback_text(error))
    sys.stderr.flush()


def _raise_terminated(number: int, frame: "Any") -> None:
    raise _Terminated()


def _leave_at_once(number: int, frame: "Any") -> None:
    os._exit(130)
