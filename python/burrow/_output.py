"""What app.run() and app.deploy() show where a program calls them by itself."""

from __future__ import annotations

from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from burrow._client.reporter import Reporter

# Of the blocks that are open, outermost first: whether they show progress.
_blocks: "list[bool]" = []


@contextmanager
def enable_output(show_progress: bool = True) -> "Iterator[None]":
    """Shows the progress of app.run() and app.deploy() while the block lasts, as `burrow run` does.

    What containers print is shown without it, too. It holds for the whole process.

    Args:
        show_progress: show how images are built, files sent and containers started, on stderr.

    Example:
        with burrow.enable_output(), app.run():
            print(square.remote(12))
    """
    _blocks.append(show_progress)
    try:
        yield
    finally:
        _blocks.pop()


def make_reporter() -> "Reporter":
    """What the innermost enable_output() asks for; without one, the remote output alone."""
    if _blocks:
        from burrow.cli import reporters

        return reporters.make_reporter(quiet=not _blocks[-1])
    from burrow._client.reporter import Reporter

    return Reporter()
