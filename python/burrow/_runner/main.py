"""The runner's life: hello, start, calls, end."""

from __future__ import annotations

import sys

_source = sys.path.pop(0)  # what Burrow imports is never a file of the user's with the same name

import os  # noqa: E402
from time import monotonic, process_time  # noqa: E402

from burrow import _serialization  # noqa: E402
from burrow._runner import imports, output  # noqa: E402
from burrow._runner.cancellation import Interrupts, Terminated  # noqa: E402
from burrow._runner.execution import Executor  # noqa: E402
from burrow._runner.frames import Channel, ProtocolError  # noqa: E402
from burrow._runner.inbox import Inbox  # noqa: E402
from burrow._runner.loader import load_function  # noqa: E402

imports.remember_path(sys.path + [_source])
sys.path.insert(0, _source)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn, Optional, Union

_EXIT_TERMINATED = 143  # 128 + SIGTERM
_EXIT_PROTOCOL = 2
_EXIT_GRACE_S = 5.0


def main() -> NoReturn:
    """Serves the worker until it says `exit`, hangs up or sends SIGTERM; then ends the process."""
    status: Union[int, str, None]
    try:
        status = _serve()
    except Terminated:
        status = 0
    except (BrokenPipeError, ConnectionResetError):
        status = 0  # the worker is gone, and with it whoever waits for an answer
    except ProtocolError as error:
        _complain(str(error))
        status = _EXIT_PROTOCOL
    except SystemExit as error:
        status = error.code
    _end(status)


def _serve() -> int:
    channel = _connect()
    os.register_at_fork(after_in_child=channel.abandon)
    try:
        return _serve_on(channel)
    finally:
        channel.release()


def _serve_on(channel: Channel) -> int:
    inbox = Inbox(channel)
    interrupts = Interrupts(inbox)
    interrupts.install()
    channel.send({"t": "hello", "python": _serialization.PYTHON, "cpu_ms": process_time() * 1000})
    output.buffer_by_line()
    executor = _load(channel, inbox, interrupts)
    if executor is None:
        return 1
    try:
        return _run_calls(executor, inbox, interrupts)
    finally:
        executor.close()


def _connect() -> Channel:
    fd = os.environ.pop("BURROW_RUNNER_FD", "")
    try:
        number = int(fd)
        os.set_inheritable(number, False)
        return Channel(number)
    except (ValueError, OSError):
        raise ProtocolError(
            "BURROW_RUNNER_FD is %r, which is no socket; only a Burrow worker starts this" % fd
        ) from None


def _load(channel: Channel, inbox: Inbox, interrupts: Interrupts) -> Optional[Executor]:
    """Handles `start`; None if the function could not be loaded, which the worker was then told."""
    interrupts.waiting()
    first = inbox.next_start()
    if first is None:
        raise Terminated
    header, body = first
    started = monotonic()
    os.environ.update(header.pop("secrets", {}))
    try:
        function = load_function(header, body)
        interrupts.not_waiting()
    except BaseException as error:
        interrupts.not_waiting()
        if interrupts.terminating:
            raise Terminated from None
        _send_load_failure(channel, error, header.get("module") or "")
        return None
    executor = Executor(function, bool(header.get("is_generator")), channel, inbox, interrupts)
    output.flush()
    channel.send({"t": "ready", "import_ms": (monotonic() - started) * 1000})
    return executor


def _send_load_failure(channel: Channel, error: BaseException, module: str) -> None:
    described, body = imports.call_late(
        "burrow._runner.failures", "describe_load_failure", error, module
    )
    output.flush()
    channel.send({"t": "failed", "error": described}, body)


def _run_calls(executor: Executor, inbox: Inbox, interrupts: Interrupts) -> int:
    reap: Optional[Callable[[], Any]] = None
    while True:
        interrupts.waiting()
        call = inbox.next_call()
        interrupts.not_waiting()
        if call is None:
            return 0
        executor.run(call)
        output.reopen()
        if interrupts.terminating:
            return _EXIT_TERMINATED if interrupts.was_told(call[0]["id"]) else 0
        if os.getpid() == 1:
            if reap is None:
                reap = imports.import_late("burrow._runner.orphans").Reaper().reap
            reap()


def _end(status: Union[int, str, None]) -> NoReturn:
    """Ends the process as any Python program ends, but not later than in a few seconds."""
    import faulthandler

    try:
        # A thread or an exit handler of the user's that never ends would keep the container: this
        # names it on stderr and ends the process.
        faulthandler.dump_traceback_later(_EXIT_GRACE_S, exit=True, file=2)
    except (RuntimeError, ValueError):
        pass  # no thread left: the worker kills the container in the end
    sys.exit(status)


def _complain(sentence: str) -> None:
    print("burrow runner: " + sentence, file=sys.stderr, flush=True)
