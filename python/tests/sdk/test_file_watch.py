"""Changes of files are told, by inotify and without it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Callable, Iterator

import pytest

from burrow._client import file_watch
from burrow._client.file_watch import FileWatch

DEADLINE_S = 30.0


@pytest.fixture(params=[True, False], ids=["inotify", "polling"])
def watch(request: pytest.FixtureRequest) -> Iterator[FileWatch]:
    made = FileWatch(use_inotify=request.param)
    assert made.by_inotify == request.param
    yield made
    made.close()


def told(watch: FileWatch, change: Callable[[], object]) -> bool:
    """Whether a change is told, for which this waits."""
    change()
    return wait(watch, DEADLINE_S)


def silent(watch: FileWatch, change: Callable[[], object]) -> bool:
    """Whether a change is not told within the time of four looks."""
    change()
    return not wait(watch, 0.4)


def wait(watch: FileWatch, seconds: float) -> bool:
    outcome = []
    waiting = threading.Thread(target=lambda: outcome.append(watch.wait()))
    waiting.start()
    waiting.join(seconds)
    watch.wake()
    waiting.join(DEADLINE_S)
    assert outcome
    return bool(outcome[0])


def test_a_file_that_is_written_is_told(watch: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    assert watch.watch([str(tmp_path)])
    assert not watch.watch([str(tmp_path)])
    assert told(watch, lambda: (tmp_path / "a.py").write_text("22"))


def test_a_file_that_is_saved_by_rename_is_told(watch: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / ".a.py.tmp").write_text("2")
    watch.watch([str(tmp_path)])
    assert told(watch, lambda: os.replace(tmp_path / ".a.py.tmp", tmp_path / "a.py"))


def test_a_file_that_appears_is_told(watch: FileWatch, tmp_path: Path) -> None:
    watch.watch([str(tmp_path)])
    assert told(watch, lambda: (tmp_path / "a.py").write_text(""))


def test_a_file_that_goes_is_told(watch: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    watch.watch([str(tmp_path)])
    assert told(watch, (tmp_path / "a.py").unlink)


def test_what_no_module_is_counts_only_where_all_does(tmp_path: Path) -> None:
    def write_data() -> None:
        for name in (".a.py.swp", "data.txt", "a.pyc", "a.py~"):
            (tmp_path / name).write_text("x")

    for by_inotify in (True, False):
        for whole in ([], [str(tmp_path)]):
            made = FileWatch(use_inotify=by_inotify)
            made.watch([str(tmp_path)], whole)
            assert told(made, write_data) if whole else silent(made, write_data)
            made.close()
            (tmp_path / "data.txt").unlink()


def test_a_directory_that_is_watched_no_more_tells_nothing(
    watch: FileWatch, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    watch.watch([str(one), str(other)])
    watch.watch([str(other)])
    assert silent(watch, lambda: (one / "a.py").write_text("1"))


def test_a_change_before_directories_are_added_is_still_told(
    watch: FileWatch, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    watch.watch([str(one)])
    (one / "a.py").write_text("1")
    assert watch.watch([str(one), str(other)])
    assert told(watch, lambda: None)


def test_where_the_system_refuses_it_looks_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = FileWatch()
    monkeypatch.setattr(file_watch._Inotify, "watch", lambda self, wanted: None)
    assert watch.watch([str(tmp_path)]) and not watch.by_inotify
    assert told(watch, lambda: (tmp_path / "a.py").write_text("1"))
    watch.close()


def test_a_signal_that_came_before_the_wait_wakes_it_but_ends_it_not(
    watch: FileWatch, tmp_path: Path
) -> None:
    rounds = []
    look = watch._has_changed
    watch._has_changed = lambda told: rounds.append(told) or look(told)  # type: ignore[assignment,func-returns-value]
    watch.watch([str(tmp_path)])
    before = signal.signal(signal.SIGUSR1, lambda number, frame: None)
    watch.heed_signals()
    os.kill(os.getpid(), signal.SIGUSR1)
    try:
        assert not wait(watch, 1.0)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert rounds[0] is False  # it looked at once, and waited on
