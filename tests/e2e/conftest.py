"""End-to-end tests: one real burrowd for the session, or one of its own for a test that hurts it.

BURROWD names the binary, BURROW_TEST_STATE a state directory to be used again, which saves the
minute that the base image takes, BURROW_IMAGE_FS how images are mounted (auto, erofs or fuse). Tests that need a daemon of their own work on the session's state
directory one after another: the session's daemon is stopped for them and started afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pytest

from daemon import BURROWD, Daemon, Run
from leftovers import check_nothing_left
from real_images import PACKAGES, TOOLS, make_image
from real_images import run as run_tool
from registries import DockerRegistry
from transfers import needs
from workspaces import Environment
from workspaces import drop as drop_workspace
from workspaces import make as make_workspace


def _missing() -> str:
    if not os.path.exists(BURROWD):
        return "there is no %s: build it first" % BURROWD
    if os.geteuid() != 0:
        return "containers need root"
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    return ""


def pytest_collection_modifyitems(items: "list[pytest.Item]") -> None:
    reason = _missing()
    if reason:
        here = Path(__file__).parent
        for item in items:
            if Path(str(item.fspath)).parent == here:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory that holds the base image."""
    kept = os.environ.get("BURROW_TEST_STATE")
    return Path(kept) if kept else tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def session_daemon(tmp_path_factory: pytest.TempPathFactory, state: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), state)
    daemon.start()
    group = daemon.process.pid if daemon.process else 0
    make_base_image(daemon)
    yield daemon
    if daemon.running:
        assert daemon.stop() == 0, daemon.tail()
    check_nothing_left(state, group)


def make_base_image(daemon: Daemon) -> None:
    """So that no test waits for it: that takes minutes on a busy machine."""
    path = daemon.directory / "base.py"
    path.write_text(
        "import burrow\napp = burrow.App('base')\n@app.function()\ndef f(): return 1\n"
        "@app.local_entrypoint()\ndef main(): print(f.remote())\n"
    )
    made = daemon.burrow("run", str(path), deadline_s=900)
    assert made.stdout == "1\n", made.stderr


@pytest.fixture
def daemon(session_daemon: Daemon) -> Daemon:
    """The session's daemon, running."""
    if not session_daemon.running:
        session_daemon.start()
    return session_daemon


@pytest.fixture
def own_daemon(session_daemon: Daemon, tmp_path: Path, state: Path) -> Iterator[Daemon]:
    """A daemon that the test may stop, kill and start; not started yet."""
    if session_daemon.running:
        session_daemon.stop()
    daemon = Daemon(tmp_path, state)
    yield daemon
    if daemon.running:
        assert daemon.stop() == 0, daemon.tail()
    check_nothing_left(state)


@pytest.fixture
def burrow(daemon: Daemon) -> Run:
    """`burrow("ps")` runs the command against the session's daemon."""
    return daemon.burrow


@pytest.fixture
def write_app(tmp_path: Path) -> Callable[..., str]:
    """Writes an app's file and returns its path; `app` and `burrow` are defined in it already."""

    def write(code: str, name: str = "the_app", main: str = "") -> str:
        head = "import burrow\n\napp = burrow.App(%r)\n" % name
        body = head + textwrap.dedent(code)
        if main:
            body += "\n@app.local_entrypoint()\ndef main():\n" + textwrap.indent(
                textwrap.dedent(main).strip(), "    "
            )
        path = tmp_path / (name + ".py")
        path.write_text(body + "\n")
        return str(path)

    return write


@pytest.fixture
def run(daemon: Daemon, write_app: Callable[..., str], tmp_path: Path) -> Run:
    """`run(code, main=...)` writes an app and runs it to its end."""

    def run(code: str, main: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        path = write_app(code, main=main)
        return daemon.burrow("run", path, cwd=tmp_path, **options)

    return run


@pytest.fixture
def workspace(daemon: Daemon) -> Iterator[Callable[..., Environment]]:
    """Makes a workspace and gives what a client of it has in its environment."""
    made = []

    def make(name: str, *options: str) -> Environment:
        made.append(name)
        return make_workspace(daemon, name, *options)

    yield make
    for name in made:
        drop_workspace(daemon, name)


@pytest.fixture
def without_fuse() -> "list[str]":
    """A command prefix under which /dev/fuse is no FUSE device."""
    if shutil.which("unshare") is None:
        pytest.skip("hiding /dev/fuse needs unshare")
    script = 'mount --bind /dev/null /dev/fuse && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


@pytest.fixture(scope="session")
def layouts(state: Path) -> "Dict[str, Path]":
    """OCI layouts by name, kept beside the state directory's own files."""
    needs(*TOOLS)
    directory = state / "test-images"
    directory.mkdir(parents=True, exist_ok=True)
    return {name: make_image(name, directory) for name in PACKAGES}


@pytest.fixture
def registry(tmp_path: Path, layouts: "Dict[str, Path]") -> Iterator[DockerRegistry]:
    needs("docker-registry")
    directory = tmp_path / "registry"
    directory.mkdir()
    registry = DockerRegistry(directory)
    registry.start()
    yield registry
    registry.stop()


@pytest.fixture
def own_layer(tmp_path: Path) -> Callable[[str], str]:
    """A layout whose layer nobody has imported before."""

    def make(text: str) -> str:
        needs(*TOOLS)
        layout = tmp_path / "own"
        run_tool("umoci", "init", "--layout", str(layout))
        image = "%s:latest" % layout
        run_tool("umoci", "new", "--image", image)
        run_tool("umoci", "unpack", "--image", image, str(tmp_path / "bundle"))
        (tmp_path / "bundle/rootfs/file").write_bytes(os.urandom(3_000_000))
        (tmp_path / "bundle/rootfs/text").write_text(text)
        run_tool("umoci", "repack", "--image", image, str(tmp_path / "bundle"))
        return image

    return make
