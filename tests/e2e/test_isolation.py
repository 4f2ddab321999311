"""A container sees, uses and reaches no more than it may."""

from __future__ import annotations

import socket
import subprocess
import threading
from typing import Iterator, Tuple

import pytest

from daemon import Run


OUTSIDE = "198.51.100.7"  # an address of the documentation range, which only this test routes


def test_memory_is_limited_by_the_control_group(run: Run) -> None:
    ended = run(
        """
        import glob, os

        @app.function(memory=200)
        def container():
            return os.environ["BURROW_CONTAINER_ID"]

        def limits(name):
            # cgroup v1 and v2 name the file differently
            found = [
                path
                for file in ("memory.limit_in_bytes", "memory.max")
                for path in glob.glob("/sys/fs/cgroup/**/burrow-*/" + name + "*/" + file, recursive=True)
            ]
            return [int(open(path).read()) >> 20 for path in found]
        """,
        "print(limits(container.remote()))",
    )
    assert ended.stdout == "[200]\n", ended.stderr


def test_a_fork_bomb_stays_in_its_container(run: Run) -> None:
    ended = run(
        """
        import os, time
        @app.function()
        def bomb():
            try:
                for _ in range(100_000):
                    if os.fork() == 0: time.sleep(60); os._exit(0)
            except OSError as error:
                return type(error).__name__
        """,
        "print(bomb.remote())",
    )
    assert ended.stdout == "BlockingIOError\n", ended.stderr


def test_the_container_has_namespaces_of_its_own(run: Run) -> None:
    ended = run(
        """
        import os
        @app.function()
        def look():
            return {kind: os.readlink("/proc/self/ns/" + kind) for kind in KINDS}, os.getpid()
        KINDS = ["pid", "net", "mnt", "ipc", "uts"]
        """,
        """
        inside, pid = look.remote()
        outside = {kind: os.readlink("/proc/self/ns/" + kind) for kind in KINDS}
        print(pid, [kind for kind in KINDS if inside[kind] == outside[kind]])
        """,
    )
    assert ended.stdout == "1 []\n", ended.stderr


def test_the_kernels_settings_cannot_be_written(run: Run) -> None:
    ended = run(
        """
        @app.function()
        def write():
            refused = []
            for path in ("/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/burrow/lib/x"):
                try:
                    open(path, "w").write("x")
                except OSError:
                    refused.append(path)
            return len(refused)
        """,
        "print(write.remote())",
    )
    assert ended.stdout == "3\n", ended.stderr


def test_link_local_metadata_addresses_are_out_of_reach(run: Run) -> None:
    ended = run(CONNECT, "print(connect.remote('169.254.169.254', 80))", deadline_s=60)
    assert ended.stdout == "refused\n", ended.stderr


def test_the_outside_is_reached_through_address_translation(
    run: Run, outside: Tuple[str, int]
) -> None:
    ended = run(CONNECT, "print(connect.remote(%r, %d))" % outside, deadline_s=60)
    assert ended.stdout == "hello from outside\n", ended.stderr


def test_the_containers_own_loopback_is_up(run: Run) -> None:
    ended = run(
        """
        import socket
        @app.function()
        def loop():
            server = socket.create_server(("127.0.0.1", 0))
            socket.create_connection(server.getsockname(), 5).send(b"x")
            return server.accept()[0].recv(1)
        """,
        "print(loop.remote())",
    )
    assert ended.stdout == "b'x'\n", ended.stderr


CONNECT = """
import socket
@app.function()
def connect(host, port):
    try:
        with socket.create_connection((host, port), 5) as peer:
            return peer.recv(100).decode()
    except OSError:
        return "refused"
"""


@pytest.fixture
def outside() -> Iterator[Tuple[str, int]]:
    """A server in a network namespace of its own, which has no route to a container."""
    name, link = "burrow-test-outside", "tstout"
    commands = [
        f"netns add {name}",
        f"link add {link} type veth peer name eth0 netns {name}",
        f"addr add 198.51.100.1/24 dev {link}",
        f"link set {link} up",
        f"-n {name} addr add {OUTSIDE}/24 dev eth0",
        f"-n {name} link set eth0 up",
    ]
    server = socket.socket()
    try:
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True, timeout=10)
        server = _listen_in("/run/netns/" + name)
        port = server.getsockname()[1]
        threading.Thread(target=_greet, args=(server,), daemon=True).start()
        yield OUTSIDE, port
    finally:
        server.close()
        subprocess.run(["ip", "link", "del", link], timeout=10)
        subprocess.run(["ip", "netns", "del", name], timeout=10)


def _listen_in(namespace: str) -> socket.socket:
    """A listening socket of another network namespace, made by a thread that enters it."""
    import ctypes
    import os

    made = []

    def make() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        with open(namespace) as file:
            if libc.setns(file.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        made.append(socket.create_server((OUTSIDE, 0)))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


def _greet(server: socket.socket) -> None:
    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        with peer:
            peer.sendall(b"hello from outside")
