"""What the store has of a function `tick` that is called every two seconds."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import List, NamedTuple, Tuple

PERIOD_MS = 2000


class Record(NamedTuple):
    last_ms: int  # the time for which the last call was made
    calls: List[Tuple[int, bool]]  # when each was made, and whether it has ended

    def due(self, slot: int) -> int:
        return self.last_ms + slot * PERIOD_MS

    def slot(self, now_ms: int) -> int:
        """Which time was due last: 0 is `last_ms`."""
        return (now_ms - self.last_ms) // PERIOD_MS

    @property
    def slots(self) -> List[int]:
        return [self.slot(made_ms) for made_ms, _ in self.calls]


def recorded(state: Path) -> Record:
    """What the store has of the schedule and its calls, at one moment."""
    store = sqlite3.connect("file:%s?mode=ro" % (state / "control/burrow.db"), uri=True, timeout=30)
    try:
        store.execute("BEGIN")
        find = "SELECT id FROM functions WHERE name = 'tick' ORDER BY seq DESC LIMIT 1"
        (function,) = store.execute(find).fetchone()
        (last_ms,) = store.execute(
            "SELECT last_ms FROM schedules WHERE function = ?", (function,)
        ).fetchone()
        calls = store.execute(
            "SELECT created_ms, finished FROM calls WHERE function = ? ORDER BY seq", (function,)
        )
        return Record(last_ms, [(made_ms, bool(finished)) for made_ms, finished in calls])
    finally:
        store.close()
