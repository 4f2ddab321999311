"""The runner ends when it should, as a Python program ends, and not before."""

from __future__ import annotations

import signal
from typing import Tuple

import pytest

from runner_worker import Launch

AT_EXIT = """
    import atexit, sys, time
    atexit.register(lambda: print("bye"))
    def f(code=None, seconds=0):
        print("started")
        time.sleep(seconds)
        if code is not None: sys.exit(code)
    async def g(code): sys.exit(code)
"""


def test_exit_runs_the_exit_handlers(launch: Launch) -> None:
    worker = launch(AT_EXIT)
    worker.start("f")
    assert worker.end() == 0
    assert worker.output() == ("bye\n", "")


def test_the_end_of_the_stream_ends_the_runner(launch: Launch) -> None:
    worker = launch(AT_EXIT)
    worker.start("f")
    worker.socket.close()
    assert worker.status() == 0
    assert worker.output() == ("bye\n", "")


def test_sigterm_ends_an_idle_runner(launch: Launch) -> None:
    worker = launch(AT_EXIT)
    worker.start("f")
    worker.value()
    worker.process.terminate()
    assert worker.status() == 0
    assert worker.output() == ("started\nbye\n", "")


def test_sigterm_ends_a_running_call(launch: Launch) -> None:
    worker = launch(AT_EXIT)
    worker.start("f")
    worker.call(None, 60)
    assert worker.read_line() == "started\n"
    worker.process.terminate()
    assert worker.status() == 143
    assert worker.output() == ("bye\n", "")


def test_sigterm_ends_an_import(launch: Launch) -> None:
    worker = launch("import time\nprint('started')\ntime.sleep(60)")
    worker.send({"t": "start", "module": "user_code", "qualname": "f", "name": "f"})
    assert worker.read_line() == "started\n"
    worker.process.terminate()
    assert worker.status() == 0


def test_a_worker_that_is_gone_when_the_answer_comes_is_no_crash(launch: Launch) -> None:
    worker = launch(AT_EXIT)
    worker.start("f")
    worker.call(None, 0.3)
    assert worker.read_line() == "started\n"
    worker.socket.close()
    assert worker.status() == 0
    assert worker.output() == ("bye\n", "")


@pytest.mark.parametrize("function", ["f", "g"])
@pytest.mark.parametrize("code, status", [(7, 7), (0, 0), ("words", 1)])
def test_sys_exit_in_a_function_ends_the_process_with_its_code(
    launch: Launch, function: str, code: object, status: int
) -> None:
    worker = launch(AT_EXIT)
    worker.start(function)
    worker.call(code)
    assert worker.status() == status
    out, err = worker.output()
    assert out.endswith("bye\n")
    assert err == ("words\n" if code == "words" else "")


def test_os_exit_ends_the_process(launch: Launch) -> None:
    worker = launch("import os\ndef f(): os._exit(9)")
    worker.start("f")
    worker.call()
    assert worker.status() == 9


def test_threads_and_exit_handlers_that_never_end_do_not_keep_the_runner(launch: Launch) -> None:
    worker = launch(
        """
        import atexit, threading
        forever = threading.Event()
        def f(): threading.Thread(target=forever.wait).start()
        atexit.register(forever.wait)
        """
    )
    worker.start("f")
    worker.value()
    assert worker.end() == 1
    assert "in wait" in worker.output()[1]


def test_pending_tasks_are_cancelled_at_the_end(launch: Launch) -> None:
    worker = launch(
        """
        import asyncio
        async def forever():
            try: await asyncio.sleep(1000)
            finally: print("cleaned up")
        async def f():
            global task
            task = asyncio.ensure_future(forever())
            await asyncio.sleep(0)
        """
    )
    worker.start("f")
    worker.value()
    assert worker.end() == 0
    assert worker.output() == ("cleaned up\n", "")


MISDEEDS = {
    "closes stdin": "os.close(0); sys.stdin = None",
    "changes directory": "os.chdir('/tmp')",
    "empties sys.path": "sys.path.clear()",
    "deletes sys.path": "del sys.path",
    "redirects sys.stdout": "sys.stdout = io.StringIO()",
    "deletes sys.stdout": "del sys.stdout",
    "closes sys.stdout": "sys.stdout.close()",
    "closes descriptor 1": "os.close(1)",
    "redirects descriptor 1": "os.dup2(os.open('/dev/null', os.O_WRONLY), 1)",
    "leaves a thread": "threading.Thread(target=time.sleep, args=(0.5,)).start()",
    "leaves a child": "subprocess.Popen(['sleep', '0.2'])",
    "clears the environment": "os.environ.clear()",
    "lowers the recursion limit": "sys.setrecursionlimit(60)",
    "ignores SIGPIPE differently": "signal.signal(signal.SIGPIPE, signal.SIG_DFL)",
}


@pytest.mark.parametrize("misdeed", MISDEEDS.values(), ids=MISDEEDS.keys())
def test_a_function_does_not_break_the_runner_when_it(launch: Launch, misdeed: str) -> None:
    worker = launch(
        f"""
        import io, os, signal, subprocess, sys, threading, time
        def f(x, first=False):
            if first:
                {misdeed}
            return 10 / x
        """
    )
    worker.start("f")
    assert worker.value(5, first=True) == 2
    assert worker.value(2) == 5
    assert worker.error(0)[0]["error"]["type"] == "ZeroDivisionError"
    worker.end()
    assert worker.process.returncode >= 0


def test_the_socket_is_hidden_from_the_users_programs(launch: Launch) -> None:
    worker = launch(
        """
        import os, subprocess
        def f():
            listing = subprocess.run(["ls", "-l", "/proc/self/fd"], stdout=-1, close_fds=False)
            return listing.stdout.decode(), dict(os.environ)
        """
    )
    worker.start("f")
    listing, environment = worker.value()
    assert "socket:" not in listing
    assert "BURROW_RUNNER_FD" not in environment


def test_a_forked_child_that_returns_does_not_answer(launch: Launch) -> None:
    worker = launch(
        """
        import os
        def f():
            pid = os.fork()
            if pid == 0: return "from the child"
            return "from the parent", os.waitpid(pid, 0)[1]
        """
    )
    worker.start("f")
    assert worker.value() == ("from the parent", 0)
    assert worker.end() == 0


def test_a_forked_child_can_be_terminated_and_keeps_no_socket(launch: Launch) -> None:
    worker = launch(
        """
        import multiprocessing, os
        def look(seen, never):
            seen.put([os.readlink("/proc/self/fd/" + fd) for fd in "3456789"
                      if os.path.islink("/proc/self/fd/" + fd)])
            never.get()
        def f():
            fork = multiprocessing.get_context("fork")
            queue = fork.SimpleQueue()
            child = fork.Process(target=look, args=(queue, fork.SimpleQueue()))
            child.start()
            links = queue.get()
            child.terminate()
            child.join()
            return child.exitcode, links
        """
    )
    worker.start("f")
    status, links = worker.value()
    assert status == -signal.SIGTERM
    assert not [link for link in links if link.startswith("socket:")]


def test_orphans_are_reaped_and_the_users_children_are_not(
    launch: Launch, pid_namespace: Tuple[str, ...]
) -> None:
    worker = launch(
        """
        import os, subprocess, time
        def spawn():
            global own
            own = subprocess.Popen(["sh", "-c", "exit 3"])
            os.waitid(os.P_PID, own.pid, os.WEXITED | os.WNOWAIT)
            starter = "setsid sh -c 'sleep 0.1 & exec true' & wait; exec sleep 0.3"
            subprocess.run(["sh", "-c", starter])
            return os.getpid()
        def zombies():
            states = []
            for name in os.listdir("/proc"):
                if name.isdigit():
                    with open("/proc/%s/stat" % name) as file:
                        states.append(file.read().rpartition(")")[2].split()[0])
            return states.count("Z")
        def f(what):
            if what == "spawn": return spawn()
            if what == "zombies": return zombies()
            time.sleep(1.1)
            return own.wait()
        """,
        prefix=pid_namespace,
    )
    worker.start("f")
    assert worker.value("spawn") == 1
    assert worker.value("wait") == 3
    assert worker.value("zombies") == 0
    assert worker.end() == 0
