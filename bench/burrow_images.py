"""Burrow's side: a control whose blob server is as far away as wanted, and images mounted as a worker does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
from typing import Iterator

from measurement import BenchError
from own_burrowd import find_burrowd
from processes import Server, run

_CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Control:
    """`burrowd control`: the store of images."""

    def __init__(self, state: str, work: str) -> None:
        self._state = state
        self._faults = os.path.join(work, "faults")
        self.set_round_trip(0)
        command = [find_burrowd(), "control", "--state-dir", state, "--listen", "127.0.0.1:0"]
        log = os.path.join(work, "control.log")
        self._server = Server(command, log, {"BURROW_FAULTS_FILE": self._faults})
        self.url = self._server.wait_for("burrowd control ready ")

    def close(self) -> None:
        self._server.stop()

    def set_round_trip(self, milliseconds: int) -> None:
        """Every request for blobs is answered so much later."""
        fresh = self._faults + ".new"
        with open(fresh, "w", encoding="ascii") as file:
            file.write("api.blobs=delay:%d\n" % milliseconds if milliseconds else "")
        os.rename(fresh, self._faults)

    def token(self, who: str) -> str:
        """Of a "client" or "worker"."""
        with open(os.path.join(self._state, "control", "tokens"), encoding="utf-8") as file:
            return str(json.load(file)[who])

    def import_image(self, source: str) -> str:
        """`burrow image import`; gives the digest of the image's index."""
        burrow = [os.path.join(_CHECKOUT, "bin", "burrow"), "image", "import", source]
        environment = {**os.environ, "BURROW_URL": self.url, "BURROW_TOKEN": self.token("client")}
        printed = run(burrow, timeout=1800, env=environment)
        database = os.path.join(self._state, "control", "burrow.db")
        with contextlib.closing(sqlite3.connect(database)) as connection:
            query = "SELECT image FROM images WHERE id = ?"
            rows = connection.execute(query, (printed.split()[0],)).fetchall()
        digest = re.search(rb"[0-9a-f]{64}", rows[0][0])
        if digest is None:
            raise BenchError("an imported image has no index")
        return digest.group().decode()


class MountedImage:
    """`burrowd mount` of one image: the parts of a worker that serve images, ready before the clock starts.

    Args:
        directory: of its state; removed at the end unless `keep`.
        index: digest of the image's index.
        tier: "auto", "erofs" or "fuse".
        hot_set: file with what is fetched ahead; made by `record`.
    """

    def __init__(
        self,
        control: Control,
        directory: str,
        index: str,
        tier: str,
        hot_set: "str | None" = None,
        record: "str | None" = None,
        keep: bool = False,
    ) -> None:
        self._directory, self._keep = directory, keep
        self.root = os.path.join(directory, "root")
        os.makedirs(self.root, exist_ok=True)
        token = os.path.join(directory, "token")
        with open(token, "w", encoding="ascii") as file:
            file.write(control.token("worker"))
        command = [find_burrowd(), "mount", "--hold", "--control", control.url]
        command += ["--token-file", token, "--image-fs", tier]
        command += ["--state-dir", os.path.join(directory, "state")]
        command += ["--prefetch", hot_set] if hot_set else []
        command += ["--record", record] if record else []
        self._server = Server([*command, index, self.root], os.path.join(directory, "mount.log"))
        self._server.wait_for("ready")

    def mount(self) -> None:
        """Mounts the image; it is a container's root when this returns."""
        self._server.ask("mount")
        self._server.wait_for("mounted ")

    def again(self) -> None:
        """Another container's root instead of this one."""
        self._server.ask("again")
        self._server.wait_for("mounted ")

    def finish_recording(self) -> None:
        self._server.ask("record")
        self._server.wait_for("recorded")

    def counters(self) -> "dict[str, int]":
        """What the cache counted."""
        self._server.ask("counters")
        counted: "dict[str, int]" = json.loads("{" + self._server.wait_for("{"))
        return counted

    def server_pid(self) -> int:
        """Of the process that answers the kernel."""
        return self.counters()["imagefs_pid"]

    def close(self) -> None:
        self._server.stop()
        if not self._keep:
            shutil.rmtree(self._directory, ignore_errors=True)


@contextlib.contextmanager
def mounted(
    control: Control, directory: str, index: str, tier: str, **options: "str | None"
) -> "Iterator[MountedImage]":
    """A held MountedImage for the length of a `with` block; its directory is gone afterwards."""
    image = MountedImage(control, directory, index, tier, **options)  # type: ignore[arg-type]
    try:
        yield image
    finally:
        image.close()
