"""The runner's life: hello, start, calls, end."""

from __future__ import annotations

import sys

_source = sys.path.pop(0)  # what Burrow imports is never a file of the user's with the same name

import os  # noqa: E402
from time import monotonic, process_time  # noqa: E402

from burrow import _serialization  # noqa: E402
from burrow._runner import imports, output  # noqa: E402
from burrow._runner.cancellation import Interrupts, Terminated, signal  # noqa: E402
from burrow._runner.execution import Executor  # noqa: E402
from burrow._runner.frames import Channel, ProtocolError  # noqa: E402
from burrow._runner.inbox import Inbox  # noqa: E402
from burrow._runner.loader import load_class, load_function  # noqa: E402
from burrow._runner.service import Service  # noqa: E402

imports.remember_path(sys.path + [_source])
sys.path.insert(0, _source)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, NoReturn, Optional, Union

    from burrow._runner.concurrent_execution import AtOnce
    from burrow._runner.frames import Frame
    from burrow._runner.tagged_output import TaggedOutput

_EXIT_TERMINATED = 143  # 128 + SIGTERM
_EXIT_PROTOCOL = 2
_EXIT_GRACE_S = 5.0
_CALL_THREADS = "burrow._runner.call_threads"


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


class _Prepared:
    """What is loaded before the first call, by this process or by the template it was forked from."""

    __slots__ = ("service", "tagged")

    def __init__(self) -> None:
        self.service: Optional[Service] = None
        self.tagged: Optional[TaggedOutput] = None

    def load(self, start: Frame) -> Service:
        """Loads the function or class that the `start` frame names."""
        os.environ.update(start[0].pop("secrets", {}))
        self.tagged = _tag_output(start[0])
        self.service = _service(start)
        return self.service


def _serve() -> int:
    channel = _connect("BURROW_RUNNER_FD")
    try:
        return _serve_on(channel, _Prepared())
    finally:
        channel.release()


def _serve_on(channel: Channel, prepared: _Prepared) -> int:
    os.register_at_fork(after_in_child=channel.abandon)
    inbox = Inbox(channel)
    interrupts = Interrupts(inbox)
    interrupts.install()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGUSR1))
    channel.send({"t": "hello", "python": _serialization.PYTHON, "cpu_ms": process_time() * 1000})
    start = _await_start(inbox, interrupts)
    if prepared.service is None:
        output.buffer_by_line()
    else:
        _take_names(start[0])
        if prepared.tagged is not None:
            prepared.tagged.install()
    if start[0].get("template"):
        return _serve_template(start, channel, prepared)
    executor = _load(start, channel, inbox, interrupts, prepared)
    if executor is None:
        return 1
    try:
        if isinstance(executor, Executor):
            return _run_calls(executor, inbox, interrupts)
        several = imports.import_late("burrow._runner.concurrent_execution")
        return int(several.serve(executor, channel, inbox, interrupts))
    finally:
        interrupts.not_waiting()
        executor.close()


def _connect(variable: str) -> Channel:
    fd = os.environ.pop(variable, "")
    try:
        number = int(fd)
        if number == 0:
            number = _free_stdin()
        os.set_inheritable(number, False)
        return Channel(number)
    except (ValueError, OSError):
        raise ProtocolError(
            "%s is %r, which is no socket; only a Burrow worker starts this" % (variable, fd)
        ) from None


def _free_stdin() -> int:
    """Where gVisor runs this, the socket is stdin: moves it, so that user code finds stdin at its end."""
    number = os.dup(0)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return number


def _await_start(inbox: Inbox, interrupts: Interrupts) -> Frame:
    interrupts.waiting()
    start = inbox.next_start()
    if start is None:
        raise Terminated
    return start


def _take_names(header: Dict[str, Any]) -> None:
    """In a fork: the container's own, in place of the template's."""
    os.environ["BURROW_CONTAINER_ID"] = header["container_id"]
    os.environ["BURROW_APP_ID"] = header["app_id"]


def _serve_template(start: Frame, channel: Channel, prepared: _Prepared) -> int:
    """Loads everything that forks can share, then waits for them; returns in each, and at the end."""
    template = imports.import_late("burrow._runner.template")
    requests = template.requests()
    try:
        service = prepared.load(start)
        service.prepare(template.refuse_to_wait)
        template.import_ahead(service, prepared.tagged is not None)
        template.check_safe({channel.fileno(), requests.fileno()})
    except template.Unsafe as unsafe:
        channel.send({"t": "refused", "reason": str(unsafe)})
        return 0
    except BaseException as error:
        _send_load_failure(channel, error, start[0], prepared.service)
        return 1
    output.flush()
    channel.send({"t": "ready"})
    runner = template.serve(requests)
    if runner is None:
        return 0
    moved = Channel(runner)
    try:
        return _serve_on(moved, prepared)
    finally:
        moved.release()


def _load(
    start: Frame, channel: Channel, inbox: Inbox, interrupts: Interrupts, prepared: _Prepared
) -> "Optional[Union[Executor, AtOnce]]":
    """Handles `start`; None if the function could not be loaded, which the worker was then told."""
    header = start[0]
    started = monotonic()
    try:
        service = prepared.service or prepared.load(start)
        executor: "Union[Executor, AtOnce]"
        if prepared.tagged is None:
            executor = Executor(service, channel, inbox, interrupts)
        else:
            executor = _executor_at_once(service, header, channel, prepared.tagged)
        service.enter(executor.finish)
        interrupts.not_waiting()
    except BaseException as error:
        interrupts.not_waiting()
        if interrupts.terminating:
            raise Terminated from None
        _send_load_failure(channel, error, header, prepared.service)
        return None
    output.flush()
    channel.send({"t": "ready", "import_ms": (monotonic() - started) * 1000})
    return executor


def _service(start: Frame) -> Service:
    header, body = start
    if not header.get("class"):
        return Service(load_function(header, body), bool(header.get("is_generator")))
    services = imports.import_late("burrow._runner.class_service")
    found: Service = services.ClassService(load_class(header, body), header)
    return found


def _tag_output(header: Dict[str, Any]) -> Optional[TaggedOutput]:
    """Before user code sees the streams; None where one call runs at a time."""
    if header.get("max_inputs", 1) <= 1 and not header.get("max_batch_size"):
        return None
    tagged: TaggedOutput = imports.import_late("burrow._runner.tagged_output").TaggedOutput()
    imports.call_late(_CALL_THREADS, "hand_on_calls")
    return tagged


def _executor_at_once(
    service: Service, header: Dict[str, Any], channel: Channel, tagged: TaggedOutput
) -> AtOnce:
    made: AtOnce
    imports.call_late(_CALL_THREADS, "hand_on_calls")  # also in what user code has imported
    if header.get("max_batch_size"):
        batches = imports.import_late("burrow._runner.batch_execution")
        size, wait_ms = header["max_batch_size"], header.get("batch_wait_ms", 0)
        made = batches.BatchExecutor(service, channel, tagged, size, wait_ms)
    else:
        several = imports.import_late("burrow._runner.concurrent_execution")
        made = several.ConcurrentExecutor(service, channel, tagged)
    return made


def _send_load_failure(
    channel: Channel, error: BaseException, header: Dict[str, Any], service: Optional[Service]
) -> None:
    what, name = "describe_load_failure", header.get("module") or ""
    if service is not None and service.hook:
        what, name = "describe_hook_failure", "%s.%s" % (header.get("name"), service.hook)
    described, body = imports.call_late("burrow._runner.failures", what, error, name)
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
