"""The command line gives dates, choices and things that may be left out."""

from datetime import date, datetime
from typing import List, Literal, Optional

import burrow as modal

app = modal.App("typed-entrypoint")


@app.function()
def describe(when: datetime, day: Optional[date], mode: str) -> str:
    return "%s on %s at %s" % (mode, day, when.strftime("%H:%M"))


@app.local_entrypoint()
def main(
    when: datetime,
    day: Optional[date] = None,
    mode: Literal["fast", "careful"] = "fast",
    tags: List[str] = [],
    limit: Optional[int] = None,
    dry_run: bool = False,
    ratio: float = 0.5,
):
    print(describe.remote(when, day, mode))
    print(tags, limit, dry_run, ratio)


# given: --when 2026-01-31T18:30 --day 2026-02-01 --mode careful --tags a b --dry-run
# prints:
# careful on 2026-02-01 at 18:30
# ['a', 'b'] None True 0.5
