"""`burrow run`: runs an app for as long as its entrypoint takes."""

from __future__ import annotations

import os
import signal
import sys

from burrow._client.session import run_app
from burrow.cli.load_app import find_target, import_file
from burrow.cli.reporters import make_reporter
from burrow.cli.whole_lines import whole_lines
from burrow.exception import ConnectionError, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow.cli.load_app import Target
    from burrow.cli.run_options import RunOptions


class _Terminated(BaseException):
    """SIGTERM came; raised in the main thread so that the app is stopped first."""


class _ReaderLeft(BaseException):
    """Nobody reads our standard output any more; raised in the main thread like _Terminated."""


_reader_has_left = False


def run(options: "RunOptions") -> int:
    """Runs the app of a file; returns the exit code."""
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 130
    except _Terminated:
        return 143
    except _ReaderLeft:
        raise BrokenPipeError() from None
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
            return 1
        return leaving.code or 0


def _run(options: "RunOptions") -> int:
    try:
        module = import_file(options.file)
    except Error:
        raise
    except Exception as error:
        return _show(error)
    target = find_target(module, options.entrypoint, options.file)
    words: "list[str]" = []
    arguments: "dict[str, Any]" = {}
    code = target.signature_of.__code__
    if options.arguments or code.co_argcount or code.co_kwonlyargcount or code.co_flags & 0x0C:
        words, arguments = _read_arguments(target, options)
    reporter = make_reporter(options.quiet)
    chart = None
    if options.timing:
        from burrow.cli.timing_chart import CallTimings

        chart = CallTimings()
    failure: "Exception | None" = None
    with whole_lines(), run_app(
        target.app, reporter, chart.observe if chart else None, options.detach
    ):
        try:
            try:
                reporter.logs.on_reader_left = _end_run
                _call(target, words, arguments)
            finally:
                reporter.logs.on_reader_left = None
                _flush()
        except Exception as error:
            failure = error
        except (KeyboardInterrupt, _Terminated, _ReaderLeft):
            signal.signal(signal.SIGINT, _leave_at_once)
            raise
    if failure is not None:
        if isinstance(failure, BrokenPipeError) and _reader_left():
            raise failure
        return _show(failure)
    if chart is not None:
        sys.stdout.flush()
        sys.stderr.write(chart.render())
    return 0


def _read_arguments(target: "Target", options: "RunOptions") -> "tuple[list[str], dict[str, Any]]":
    """What the command line gives to the target: words as they are, or values by name."""
    from burrow.cli import entrypoint_arguments as reading

    function = target.signature_of
    if reading.takes_everything(function):
        return options.arguments, {}
    others = reading.parameters_of_class(target.cls, function) if target.cls else ()
    program = "burrow run %s" % options.file
    return [], reading.parse_arguments(function, options.arguments, program, others)


def _flush() -> None:
    """Shows a last line without a newline before the app stops."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError):
            pass  # the entrypoint closed it


def _reader_left() -> bool:
    """Whether nobody reads our standard output any more, as after `| head -1`."""
    import select

    poll = select.poll()
    try:
        poll.register(1, 0)
    except OSError:
        return False
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _call(target: "Target", words: "list[str]", arguments: "dict[str, Any]") -> None:
    if target.entrypoint is not None:
        result = target.entrypoint(*words, **arguments)
        if hasattr(result, "__await__"):
            import asyncio

            asyncio.run(_awaited(result))
        return
    function = target.take_callee(arguments)
    if function.is_generator:
        for item in function.remote_gen(*words, **arguments):
            print(item)
        return
    value = function.remote(*words, **arguments)
    if value is not None:
        print(value)


async def _awaited(result: "Any") -> "Any":
    return await result


def _show(error: Exception) -> int:
    """Prints an exception as the user should see it; returns the exit code."""
    sys.stdout.flush()
    if isinstance(error, ConnectionError):
        print("Error: %s" % error, file=sys.stderr)
        return 1
    from burrow.cli.traceback_text import traceback_text

    sys.stderr.write(traceback_text(error))
    return 1


def _raise_terminated(number: int, frame: "Any") -> None:
    raise _ReaderLeft() if _reader_has_left else _Terminated()


def _end_run() -> None:
    """Ends the main thread's waits. Called by the thread that shows what the containers print."""
    global _reader_has_left
    _reader_has_left = True
    os.kill(os.getpid(), signal.SIGTERM)


def _leave_at_once(number: int, frame: "Any") -> None:
    os._exit(130)
