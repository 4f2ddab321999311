"""Engines that are not installed are left out, with the package that brings them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from measurement import BenchError
from other_engines import Stargz

PACKAGES = {"ctr-remote": "stargz-snapshotter", "containerd": "containerd", "go": "golang-go"}


def install(directory: Path, *programs: str) -> None:
    for program in programs:
        (directory / program).write_text("#!/bin/sh\nexit 0\n")
        (directory / program).chmod(0o755)


@pytest.mark.parametrize("missing", PACKAGES)
def test_a_missing_program_is_said_at_once_with_its_package(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, *(program for program in PACKAGES if program != missing))
    monkeypatch.setenv("PATH", str(tmp_path))
    start = time.monotonic()
    with pytest.raises(BenchError) as caught:
        Stargz(str(tmp_path), str(tmp_path))
    said = "%s is not installed: apt-get install %s" % (missing, PACKAGES[missing])
    assert str(caught.value) == said
    assert time.monotonic() - start < 5
