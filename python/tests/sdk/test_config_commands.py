"""`burrow config` and `burrow token`: what is stored, and what is never shown."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest
from test_command_line import LAUNCHER, burrow

TOKEN = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "own" / "config.json"
    monkeypatch.setenv("BURROW_CONFIG", str(path))
    return path


def store_token(token: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(LAUNCHER), "token", "set"],
        env=dict(os.environ, BURROW_PYTHON=sys.executable),
        input=token,
        capture_output=True,
        universal_newlines=True,
        timeout=60,
    )


def stored(path: Path) -> Dict[str, str]:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]
    content: Dict[str, str] = json.loads(path.read_text())
    return content


def test_the_path_is_shown_whether_or_not_it_exists(path: Path) -> None:
    assert burrow("config", "path").stdout == "%s\n" % path


def test_an_address_is_stored_for_this_user_alone(path: Path) -> None:
    done = burrow("config", "set-url", "http://elsewhere:9999/")
    assert done.returncode == 0, done.stderr
    assert stored(path) == {"url": "http://elsewhere:9999"}
    shown = burrow("config", "show").stdout
    assert "http://elsewhere:9999" in shown and "(none)" in shown and str(path) in shown
    wrong = burrow("config", "set-url", "elsewhere")
    assert wrong.returncode == 1 and "not a server's address" in wrong.stderr
    assert stored(path) == {"url": "http://elsewhere:9999"}


def test_a_token_comes_by_standard_input_and_only_its_beginning_is_shown(path: Path) -> None:
    burrow("config", "set-url", "http://elsewhere:9999")
    done = store_token(TOKEN + "\n")
    assert done.returncode == 0, done.stderr
    assert stored(path) == {"url": "http://elsewhere:9999", "token": TOKEN}
    for text in (
        done.stdout,
        burrow("token", "show").stdout,
        burrow("config", "show").stdout,
    ):
        assert "abcd..." in text and "abcde" not in text
    store_token("short")
    assert burrow("token", "show").stdout == "(set)\n"


def test_no_token_is_taken_from_the_command_line(path: Path) -> None:
    done = burrow("token", "set", TOKEN)
    assert done.returncode == 2 and not path.exists()


def test_what_is_no_token_is_refused_without_showing_it(path: Path) -> None:
    for text in ("", "two words", "x" * 5000):
        done = store_token(text)
        assert done.returncode == 1 and done.stderr.startswith("Error: ")
        assert "two words" not in done.stderr and "xxxx" not in done.stderr
    assert not path.exists()
    assert burrow("token", "show").returncode == 1


def test_another_address_forgets_the_token_of_the_first(path: Path) -> None:
    burrow("config", "set-url", "http://one:1")
    store_token(TOKEN)
    assert burrow("config", "set-url", "http://one:1/").stdout.count("\n") == 1
    assert stored(path)["token"] == TOKEN
    done = burrow("config", "set-url", "http://two:2")
    assert "burrow token set" in done.stdout
    assert stored(path) == {"url": "http://two:2"}


def test_the_environment_goes_first_and_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURROW_URL", "http://env:2")
    monkeypatch.setenv("BURROW_TOKEN", "0123456789abcdef")
    shown = burrow("config", "show").stdout
    assert "http://env:2  (of BURROW_URL)" in shown and "0123...  (of BURROW_TOKEN)" in shown
    assert "BURROW_URL is set" in burrow("config", "set-url", "http://one:1").stderr


def test_a_config_that_a_link_points_to_stays_a_link(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    target = tmp_path / "target.json"
    target.write_text("{}")
    path.symlink_to(target)
    burrow("config", "set-url", "http://one:1")
    assert path.is_symlink() and json.loads(target.read_text()) == {"url": "http://one:1"}
