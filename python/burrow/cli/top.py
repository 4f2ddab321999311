"""`burrow top`: what runs now, what waits, and why."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from contextlib import contextmanager

from burrow._client.config import load_config
from burrow._client.transport import Transport
from burrow.cli.live_region import LiveRegion, terminal_size
from burrow.cli.overview_text import overview_lines
from burrow.exception import ConnectionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any, Iterator

_PERIOD = 1.0
_LEAVING = (b"q", b"Q", b"\x03", b"")


def top(options: "Namespace") -> int:
    """Ends at once into a pipe, and else with q or Ctrl-C."""
    transport = Transport(load_config())
    if options.json:
        print(json.dumps(_ask(transport), indent=2, sort_keys=True))
        return 0
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if options.once or not is_terminal:
        print("\n".join(overview_lines(_ask(transport))))
        return 0
    return _live(transport)


def _ask(transport: Transport) -> "dict[str, Any]":
    return transport.unary("Overviews/Show", {})


def _live(transport: Transport) -> int:
    region = LiveRegion(sys.stdout)
    with _keys() as keyboard:
        try:
            while True:
                region.show(_screen(transport))
                if _left(keyboard, _PERIOD):
                    return 0
        except KeyboardInterrupt:
            return 0
        finally:
            region.close()


def _screen(transport: Transport) -> "list[str]":
    """What fits: the region shows the last lines, and here the first ones matter."""
    try:
        lines = overview_lines(_ask(transport), colours=True)
    except ConnectionError as error:  # it may come back
        lines = ["Error: %s" % error]
    _, height = terminal_size(sys.stdout)
    most = max(1, height - 3)
    if len(lines) > most:
        lines = lines[: most - 1] + ["... %d more lines" % (len(lines) - most + 1)]
    return lines + ["q ends"]


def _left(keyboard: "int | None", seconds: float) -> bool:
    """Waits for the next look; True when a key says that it is enough."""
    waited = [] if keyboard is None else [keyboard]
    ready, _, _ = select.select(waited, [], [], seconds)
    if not ready:
        return False
    typed = os.read(ready[0], 32)
    return typed in _LEAVING or typed[:1] in _LEAVING


@contextmanager
def _keys() -> "Iterator[int | None]":
    """Gives keys as they are typed; the terminal is as before whatever ends the block."""
    if not sys.stdin.isatty():
        yield None
        return
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    handlers = {}
    try:
        for ending in (signal.SIGTERM, signal.SIGHUP):
            handlers[ending] = signal.signal(ending, _leave)
        tty.setcbreak(number)
        yield number
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
        for ending, handler in handlers.items():
            signal.signal(ending, handler)


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
