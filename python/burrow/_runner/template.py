"""A warmed process that serves no call itself: containers start from forks of it.

The worker asks for a fork on a socket of its own, with the descriptors of a container that was made
for it. The fork moves in there and goes on as that container's runner.
"""

from __future__ import annotations

import gc
import os
import sys

import _socket

from burrow._runner.imports import import_late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional

    from burrow._runner.service import Service

# Without the enums of `signal`: see cancellation.
signal: Any = __import__("_signal")

FORWARDED = (signal.SIGTERM, signal.SIGUSR1)

_WIRES = ("birth", "standby", "runner", "stdout", "stderr")
_MAX_DESCRIPTORS = 32
_MAX_REQUEST_BYTES = 8192  # a directory's name
_MAX_ERROR_BYTES = 1000
_WITHOUT_NAME = ("socket:", "pipe:", "anon_inode:")
_HARMLESS = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_GPU_DEVICES = ("/dev/nvidia", "/dev/dri/", "/dev/kfd")


class Unsafe(Exception):
    """A fork would not be what a fresh start is; the message says why."""


def requests() -> _socket.socket:
    """The socket on which the worker asks for forks."""
    fd = int(os.environ.pop("BURROW_TEMPLATE_FD"))
    os.set_inheritable(fd, False)
    return _socket.socket(fileno=fd)


def import_ahead(service: Service, at_once: bool) -> None:
    """Imports what the runner would import in each fork before its first call."""
    if service.has_async:
        import_late("asyncio")
        import_late("burrow._runner.async_execution")
    if at_once:
        import_late("burrow._runner.concurrent_execution")
        import_late("burrow._runner.batch_execution")


def refuse_to_wait(outcome: Any) -> None:
    """What becomes of what a hook returned: nothing in it may need an event loop."""
    if hasattr(type(outcome), "__await__"):
        close = getattr(outcome, "close", None)
        if close is not None:
            close()
        raise Unsafe("an enter hook with snap=True is async, and an event loop cannot be forked")


def check_safe(own: "set[int]") -> None:
    """Raises Unsafe where this process cannot be forked. `own` are the runner's own sockets."""
    try:
        import_late("burrow._runner.joining")
    except (ImportError, OSError, AttributeError) as error:
        raise Unsafe("the image's Python cannot make system calls by ctypes (%s)" % error) from None
    _check_threads()
    _check_descriptors(own)
    for thread in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/children" % thread) as file:
            children = file.read().split()
        if children:
            raise Unsafe("%d child processes run after the import" % len(children))


def _on_child(handler: Any) -> Any:
    """Sets what SIGCHLD does; what it did before."""
    before = signal.signal(signal.SIGCHLD, handler)
    return signal.SIG_DFL if before is None else before


def _check_threads() -> None:
    # Libraries that know of forks (OpenBLAS, for one) end their threads before one, and start them
    # again when they need them: what is left after a trial would be missing in a fork.
    chosen = _on_child(signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    _on_child(chosen)
    count = len(os.listdir("/proc/self/task")) - 1
    if count <= 0:
        return
    threading = sys.modules.get("threading")
    names: List[str] = []
    if threading is not None:
        main = threading.main_thread()
        names = [one.name for one in threading.enumerate() if one is not main]
    raise Unsafe(
        "%d thread%s after the import%s"
        % (count, " runs" if count == 1 else "s run", " (%s)" % ", ".join(names) if names else "")
    )


def _check_descriptors(own: "set[int]") -> None:
    """What is open would be shared by all forks, with one position in each file."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue  # of the listing itself
        if target.startswith(_GPU_DEVICES):
            raise Unsafe("the import opened the device %s" % target)
        if number > 2 and number not in own and target not in _HARMLESS:
            named = not target.startswith(_WITHOUT_NAME)
            what = target if named else "a " + target.partition(":")[0]
            raise Unsafe("the import left %s open" % what)
    with open("/proc/self/maps") as file:
        kinds = {line.split(None, 2)[1] for line in file}
        if any(kind[1] == "w" and kind[3] == "s" for kind in kinds):
            raise Unsafe("the import left memory that processes share")


def serve(asked: _socket.socket) -> Optional[int]:
    """Forks for each request. None when there will be no more.

    In a fork that has moved: the descriptor of its runner's socket. SIGTERM and SIGUSR1 are blocked
    there until the runner has its handlers.
    """
    joining = import_late("burrow._runner.joining")
    capabilities = joining.Capabilities()
    gc.collect()
    gc.freeze()  # a collection in a fork would touch, and so copy, everything
    chosen = _on_child(signal.SIG_IGN)
    space = _socket.CMSG_SPACE(4 * _MAX_DESCRIPTORS)
    while True:
        request, ancillary, _, _ = asked.recvmsg(
            _MAX_REQUEST_BYTES, space, _socket.MSG_CMSG_CLOEXEC
        )
        if not request:
            return None
        descriptors = _descriptors(ancillary)
        try:
            pid = os.fork()
        except OSError:
            pid = -1  # the worker finds the birth's socket closed
        if pid == 0:
            asked.close()
            directory = request.decode("utf-8", "surrogateescape")
            runner = _move(directory, descriptors, lambda fds: joining.join(fds, capabilities))
            _on_child(chosen)
            return runner
        for fd in descriptors:
            os.close(fd)


def _descriptors(ancillary: Any) -> List[int]:
    found: List[int] = []
    for level, kind, data in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            found += [
                int.from_bytes(data[at : at + 4], sys.byteorder)
                for at in range(0, len(data) - 3, 4)
            ]
    return found


def _move(directory: str, descriptors: List[int], join: Callable[[List[int]], None]) -> int:
    """In a fork: moves into the container, and returns in the process that is the runner there."""
    arrived = False
    try:
        os.setsid()  # a group that a call signals as its own must not be everybody's
        _on_child(signal.SIG_DFL)
        wires = dict(zip(_WIRES, descriptors))
        namespaces = descriptors[len(_WIRES) :]
        birth = _socket.socket(fileno=wires["birth"])
        birth.send(b"here")
        if not birth.recv(1):  # the worker has put this process into the control group
            os._exit(1)
        try:
            join(namespaces)
            # Both wait until each has its own handlers.
            signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
            child = os.fork()
        except BaseException as error:
            birth.send(("%s" % error).encode("utf-8", "replace")[:_MAX_ERROR_BYTES] or b"failed")
            os._exit(1)
        if child:
            _attend(child, birth, wires)
        runner = _arrive(directory, birth, wires, namespaces)
        arrived = True
        return runner
    finally:
        if not arrived:
            os._exit(1)  # what is half on its way must not go on as a template or a runner


def _attend(child: int, birth: _socket.socket, wires: "dict[str, int]") -> None:
    """Outside of the container's pid namespace: passes signals on and tells how the runner ended."""
    status = 255

    def forward(number: int, _frame: Any) -> None:
        try:
            os.kill(child, number)
        except ProcessLookupError:
            pass  # it has just ended

    try:
        for number in FORWARDED:
            signal.signal(number, forward)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        birth.send(b"ok")
        birth.close()
        for name in ("runner", "stdout", "stderr"):
            os.close(wires[name])
        _, ended = os.waitpid(child, 0)
        for number in FORWARDED:
            signal.signal(number, signal.SIG_IGN)
        status = 128 + os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else os.WEXITSTATUS(ended)
        _socket.socket(fileno=wires["standby"]).send(status.to_bytes(4, "little"))
    finally:
        os._exit(0)


def _arrive(
    directory: str, birth: _socket.socket, wires: "dict[str, int]", namespaces: List[int]
) -> int:
    os.setsid()
    birth.close()
    for fd in (wires["standby"], *namespaces):
        os.close(fd)
    for name, number in (("stdout", 1), ("stderr", 2)):
        os.dup2(wires[name], number)
        os.close(wires[name])
    os.chdir(directory)
    _seed_again()
    return wires["runner"]


def _seed_again() -> None:
    # `random` sees to itself. numpy's global generator would give each fork the same numbers.
    numpy_random: Any = sys.modules.get("numpy.random")
    seed = getattr(numpy_random, "seed", None)
    if seed is not None:
        seed()
    calls: Any = sys.modules.get("burrow._container_app")
    if calls is not None:
        calls._known = None  # of the template's app
