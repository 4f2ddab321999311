"""Images built by Burrow: against Debian's buildah, against what is written down, and against builds that mean harm.

One burrowd and one store of buildah serve the whole session. Nothing is skipped: what is missing fails.
BURROW_TEST_STATE names a directory that keeps what buildah made of each case for the next run.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import base_image  # noqa: E402
from buildah import Buildah, base_built  # noqa: E402
from burrow_builds import BurrowBuilds  # noqa: E402
from daemon import Daemon  # noqa: E402
from file_server import FileServer  # noqa: E402
from leftovers import check_nothing_left  # noqa: E402
from trees import Built  # noqa: E402

# What reaches the loopback interface alone goes through no proxy.
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1"


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base image as an OCI layout with the tag "base"."""
    return base_image.make_layout(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def base(layout: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The base image as it is compared."""
    return base_built(layout, tmp_path_factory.mktemp("base-built"))


@pytest.fixture(scope="session")
def buildah(layout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    buildah = Buildah(tmp_path_factory.mktemp("buildah"))
    buildah.add_image(layout, "base", base_image.NAME)
    yield buildah
    buildah.close()


@pytest.fixture(scope="session")
def session_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    state = tmp_path_factory.mktemp("state")
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), state)
    daemon.start()
    group = daemon.process.pid if daemon.process else 0
    yield daemon
    if daemon.running:
        assert daemon.stop() == 0, daemon.tail()
    check_nothing_left(state, group)


@pytest.fixture(scope="session")
def builds(session_daemon: Daemon, layout: Path) -> BurrowBuilds:
    """Burrow with the base image."""
    builds = BurrowBuilds(session_daemon)
    builds.import_image("oci:%s:base" % layout, base_image.NAME)
    return builds


@pytest.fixture(scope="session")
def file_server() -> Iterator[FileServer]:
    with FileServer() as server:
        yield server


@pytest.fixture(scope="session")
def agent() -> Iterator[str]:
    """The path of a socket that answers as an ssh agent without keys does."""
    with tempfile.TemporaryDirectory(prefix="agent") as directory:
        path = os.path.join(directory, "socket")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen()
            threading.Thread(target=_serve_agent, args=(listening,), daemon=True).start()
            yield path
            listening.shutdown(socket.SHUT_RDWR)


def _serve_agent(listening: socket.socket) -> None:
    """Each request is answered by a list of no identities."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            while connection.recv(4096):
                connection.sendall(b"\0\0\0\5\x0c\0\0\0\0")
