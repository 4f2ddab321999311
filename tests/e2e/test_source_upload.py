"""Source files travel once: only what the server lacks is sent."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Callable

from daemon import Daemon
from relay import Relay

MODULES = 6


def test_only_files_that_the_server_lacks_travel(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    unseen = os.urandom(8).hex()
    for number in range(MODULES):
        text = "VALUE = %d  # %s\n" % (number, unseen)
        (tmp_path / ("part_%d.py" % number)).write_text(text)
    imports = "".join("import part_%d\n" % number for number in range(MODULES))
    total = " + ".join("part_%d.VALUE" % number for number in range(MODULES))
    code = imports + "@app.function()\ndef total():\n    return %s  # %s" % (total, unseen)
    app = write_app(code, main="print(total.remote())")
    token = json.loads(daemon.config.read_text())["token"]
    relay = Relay(daemon.url)

    def run() -> str:
        environment = daemon.environment(BURROW_URL=relay.url, BURROW_TOKEN=token)
        done = daemon.burrow("run", app, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        assert run() == "15\n"
        assert relay.uploads() == ["pack"], "all files at once"
        assert run() == "15\n"
        assert relay.uploads() == []
        changed = tmp_path / "part_3.py"
        changed.write_text("VALUE = 100  # %s\n" % unseen)
        assert run() == "112\n"
        assert relay.uploads() == [hashlib.sha256(changed.read_bytes()).hexdigest()]
    finally:
        relay.close()
