"""For every test: the commands that tests interrupt must hear it."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # Started in the background of a script: children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
