"""The first process of a container that nobody has moved into yet.

It hands its namespaces to the worker, which gives them to a fork of a template, and lives as long as
that: it ends with the number that arrives on its socket, and the container with it. It is run by
`python3 -I -S`, so that it costs little; what loses its parent in the container is reaped by itself.
"""

from __future__ import annotations

import os
import sys

import _signal
import _socket

SOCKET = 3
# In the order in which they are joined: only who is in the first may join the others.
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
LOST = 128 + 9  # whoever moved in was killed before it could say how it ended


def main() -> None:
    """Runs until whoever moved in has ended, or the worker is gone."""
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
    worker = _socket.socket(fileno=SOCKET)
    opened = [os.open("/proc/self/ns/" + name, os.O_RDONLY) for name in NAMESPACES]
    rights = b"".join(fd.to_bytes(4, sys.byteorder) for fd in opened)
    worker.sendmsg((b".",), ((_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights),))
    for fd in opened:
        os.close(fd)
    status = worker.recv(4)
    os._exit(int.from_bytes(status, "little") if len(status) == 4 else LOST)


if __name__ == "__main__":
    main()
