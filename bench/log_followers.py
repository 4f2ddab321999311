"""How long lines take from a container to a thousand who follow its log.

Run by itself it is the followers: `log_followers.py COUNT LAST...` follows as often, prints "ready" when all do, and
for each of the texts a line once everybody has seen it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import IO, Any, Iterator

from measurement import BenchError, Measurement, median

_BENCH = os.path.dirname(os.path.abspath(__file__))
_APP = "bench-talking"
_FOLLOWERS = 1000
_LINES = 200
_DEADLINE_S = 120.0
_READ = 1 << 16


def followers_1000(rounds: int) -> Measurement:
    """Needs a burrowd that the environment names."""
    import talking
    from burrow._client.reporter import Reporter
    from burrow._client.session import run_app

    class Silent(Reporter):
        def log(self, *_: Any) -> None:
            """What the function prints is not for this terminal."""

    names = ["last of round %d." % number for number in range(rounds + 1)]
    with run_app(talking.app, Silent(), None):
        talking.say.remote(1, "first")
        with _followers(1, names) as alone:
            baselines = [_heard(talking, alone, name) for name in names][1:]
        with _followers(_FOLLOWERS, names) as many:
            values = [_heard(talking, many, name) for name in names][1:]
    return Measurement(
        id="logs.followers_1000",
        value=median([heard for heard, _ in values]),
        unit="ms",
        baseline=median([heard for heard, _ in baselines]),
        better="lower",
        n=rounds,
        note="call that prints %d lines, from .remote() until each of %d followers has the last one; baseline: "
        "one follower. The call itself took %.1f ms, with one follower %.1f"
        % (
            _LINES,
            _FOLLOWERS,
            median([called for _, called in values]),
            median([called for _, called in baselines]),
        ),
    )


def _heard(app: Any, followers: "IO[str]", last: str) -> "tuple[float, float]":
    """Milliseconds until all have the last line, and until the call had ended."""
    start = time.perf_counter()
    app.say.remote(_LINES, last)
    called = time.perf_counter()
    line = followers.readline().rstrip("\n")
    heard = time.perf_counter()
    if line != last:
        raise BenchError("the followers said %r instead of %r" % (line, last))
    return (heard - start) * 1000, (called - start) * 1000


@contextmanager
def _followers(count: int, texts: "list[str]") -> "Iterator[IO[str]]":
    command = [sys.executable, os.path.abspath(__file__), str(count), *texts]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        killer = threading.Timer(_DEADLINE_S, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise BenchError("%d followers did not get their logs" % count)
            yield process.stdout
        finally:
            killer.cancel()
            process.kill()


def _request() -> "tuple[str, int, bytes]":
    from burrow._client.config import load_config

    config = load_config()
    message = json.dumps({"app": _APP, "follow": True, "tail": 1}).encode()
    body = b"\0" + len(message).to_bytes(4, "big") + message
    head = "POST /burrow.v1.Apps/Logs HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n" % (
        config.host,
        config.port,
        config.token,
    )
    head += "Content-Type: application/connect+json\r\nContent-Length: %d\r\n\r\n" % len(body)
    return config.host, config.port, head.encode() + body


class _Hearers:
    """Counts who has seen which text, and says so once all have."""

    def __init__(self, count: int, texts: "list[str]") -> None:
        self._count = count
        self._texts = [text.encode() for text in texts]
        self._heard = [0] * len(texts)
        self._begun = 0

    def begun(self) -> None:
        self._begun += 1
        if self._begun == self._count:
            print("ready", flush=True)

    async def listen(self, reader: asyncio.StreamReader) -> None:
        seen = b""
        for number, text in enumerate(self._texts):
            while text not in seen:
                data = await reader.read(_READ)
                if not data:
                    raise ConnectionError("a log ended")
                seen = seen[-len(text) :] + data
            self._heard[number] += 1
            if self._heard[number] == self._count:
                print(text.decode(), flush=True)


async def _follow_all(count: int, texts: "list[str]") -> None:
    host, port, request = _request()
    hearers = _Hearers(count, texts)

    async def follow() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(repr(head))
        await reader.readuntil(b"time")  # the first line
        hearers.begun()
        await hearers.listen(reader)

    await asyncio.gather(*(follow() for _ in range(count)))


if __name__ == "__main__":
    import resource

    sys.path.insert(0, os.path.join(os.path.dirname(_BENCH), "python"))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    asyncio.run(_follow_all(int(sys.argv[1]), sys.argv[2:]))
