"""Stands between a client and burrowd, and keeps what the client sent."""

from __future__ import annotations

import re
import socket
import threading
from typing import List


class Relay:
    """Passes connections on to `url` ("http://127.0.0.1:1234") until it is closed."""

    def __init__(self, url: str) -> None:
        host, port = url.rpartition("/")[2].split(":")
        self._server = (host, int(port))
        self._sent: List[bytes] = []
        self._open: List[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)
        for one in self._open:
            one.close()

    def uploads(self) -> List[str]:
        """The names of blobs that were sent since the last question, or "pack" for several."""
        sent, self._sent = b"".join(self._sent), []
        return [name.decode() for name in re.findall(rb"PUT /blobs/(\w+) HTTP", sent)]

    def sent_bytes(self) -> int:
        """How much was sent since the last question, heads included."""
        sent, self._sent = self._sent, []
        return sum(map(len, sent))

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._server)
            except OSError:  # closed
                return
            self._open += [client, server]
            for source, target, keep in ((client, server, True), (server, client, False)):
                copying = threading.Thread(
                    target=self._copy, args=(source, target, keep), daemon=True
                )
                copying.start()

    def _copy(self, source: socket.socket, target: socket.socket, keep: bool) -> None:
        try:
            while True:
                data = source.recv(1 << 16)
                if keep:
                    self._sent.append(data)
                if not data:
                    break
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:  # one of them has gone
            pass
