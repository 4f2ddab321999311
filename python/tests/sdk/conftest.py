"""Fixtures: a server on loopback, and a client's environment that knows nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
from fake_server import FakeServer
from small_burrowd import SmallBurrowd

from burrow._client.config import Config
from burrow._client.transport import Transport


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def burrowd(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallBurrowd]:
    small = SmallBurrowd()
    monkeypatch.setenv("BURROW_URL", small.url)
    monkeypatch.setenv("BURROW_TOKEN", "secret")
    yield small
    small.close()
    small.directory.cleanup()


@pytest.fixture
def transport(server: FakeServer) -> Transport:
    return Transport(Config(server.url, "secret", "test"))


@pytest.fixture(autouse=True)
def own_directories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    variables = ("URL", "TOKEN", "CONFIG", "CONTAINER_ID", "API_SOCKET", "APP_ID", "FUNCTION")
    for name in variables:
        monkeypatch.delenv("BURROW_" + name, raising=False)
