"""The S3 server of the tests in src/cas, as a process of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Dict, Optional

from processes import ROOT, STOP_S, first_line

BUCKET = "burrow-test"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}
_HOME = ROOT / "tests" / "s3"


class S3Server:
    """Keeps its objects below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._port = 0
        self._process: Optional["subprocess.Popen[bytes]"] = None

    @staticmethod
    def installed() -> bool:
        return (_HOME / "node_modules" / "s3rver").is_dir()

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory.with_suffix(".log")
        with open(log, "ab") as errors:
            self._process = subprocess.Popen(
                [
                    "node",
                    "--openssl-legacy-provider",
                    str(_HOME / "server.js"),
                    str(self.directory),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._port = int(first_line(self._process, "", log))

    def stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()  # which ends it
            self._process.wait(STOP_S)
            self._process.stdout.close()

    def location(self, prefix: str) -> str:
        """What --blob-store takes."""
        where = "endpoint=http://127.0.0.1:%d&region=eu-test-1&style=path" % self._port
        return "s3://%s/%s?%s" % (BUCKET, prefix, where)

    def objects(self) -> "Dict[str, int]":
        """Sizes of what lies in the bucket, by the server's own file names."""
        files = [path for path in (self.directory / BUCKET).rglob("*") if path.is_file()]
        return {str(path): path.stat().st_size for path in files}
