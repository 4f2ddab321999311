"""Fixtures that start the real runner."""

from __future__ import annotations

import os
import shutil
import textwrap
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest

from runner_worker import Launch, Worker


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """`launch("def f(): ...")` starts a runner that finds this text as module `user_code`."""
    workers: List[Worker] = []

    def launch(code: str = "", prefix: Tuple[str, ...] = ()) -> Worker:
        (tmp_path / "user_code.py").write_text(textwrap.dedent(code))
        workers.append(Worker(tmp_path, prefix))
        return workers[-1]

    yield launch
    for worker in workers:
        worker.close()


@pytest.fixture
def pid_namespace() -> Tuple[str, ...]:
    """A command prefix that makes the runner the first process of a PID namespace."""
    prefix = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a PID namespace needs root and unshare")
    return prefix
