"""A recipe that a test builds by itself, as an app's images are built, with the events that led to the image."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from daemon import Daemon

_DEADLINE_S = 300.0
_BUILD = """
import json
from burrow._client.blobs import BlobClient
from burrow._client.config import load_config
from burrow._client.digest_cache import DigestCache
from burrow._client.image_steps import compile_steps
from burrow._client.stream import Stream
from burrow._client.transport import Transport

transport = Transport(load_config())
compiled = compile_steps(image, DigestCache())
compiled.upload(BlobClient(transport))
for event in Stream(transport, "Images/Build", compiled.request(), 300):
    print(json.dumps(event), flush=True)
"""


class Recipe(NamedTuple):
    """What a build said.

    Attributes:
        events: BuildEvent messages.
        error: what else was printed, such as why the build failed.
    """

    events: "List[Dict[str, Any]]"
    error: str

    @property
    def image(self) -> str:
        """The image's id."""
        assert self.events and "image" in self.events[-1], self.error
        return str(self.events[-1]["image"]["imageId"])

    @property
    def id(self) -> str:
        """Of the build."""
        return next(str(event["buildId"]) for event in self.events if "buildId" in event)

    def steps(self, state: str) -> "List[str]":
        """Descriptions of the steps that came to a state: "STARTED", "CACHED", "DONE" or "FAILED"."""
        steps = [event["step"] for event in self.events if "step" in event]
        return [str(step["description"]) for step in steps if step["state"] == "STATE_" + state]


def build(daemon: Daemon, code: str, directory: Path, **environment: str) -> Recipe:
    """Builds the `image` that the code makes of `burrow`."""
    file = directory / "recipe.py"
    file.write_text("import burrow\n" + textwrap.dedent(code) + _BUILD)
    done = subprocess.run(
        [sys.executable, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
        env=daemon.environment(**environment),
        timeout=_DEADLINE_S,
    )
    return Recipe([json.loads(line) for line in done.stdout.splitlines()], done.stderr)
