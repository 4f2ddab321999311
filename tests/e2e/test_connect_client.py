"""The official Connect client for Node.js speaks with the API as it is."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from daemon import ROOT, Daemon

CLIENT = ROOT / "tests" / "connect"


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The schema as a descriptor set, as any client generator would read it."""
    if shutil.which("node") is None or not (CLIENT / "node_modules").is_dir():
        missing = "the Connect client is not installed: ./dev setup"
        if os.environ.get("CI") or os.environ.get("BURROW_CI"):
            pytest.fail(missing)  # where everything is tested, nothing may be left out unseen
        pytest.skip(missing)
    written = tmp_path_factory.mktemp("schema") / "burrow.pb"
    protos = [str(path) for path in sorted((ROOT / "proto" / "burrow" / "v1").glob("*.proto"))]
    command = ["protoc", "-I%s" % (ROOT / "proto"), "--include_imports"]
    subprocess.run(command + ["--descriptor_set_out=%s" % written, *protos], check=True)
    yield written


@pytest.mark.parametrize("message_format", ["json", "binary"])
def test_the_official_connect_client_builds_publishes_calls_and_watches(
    daemon: Daemon, descriptors: Path, message_format: str
) -> None:
    token = json.loads(daemon.config.read_text())["token"]
    pickled = pickle.dumps(((21,), {}), 5)
    ended = subprocess.run(
        ["node", str(CLIENT / "client.js"), daemon.url, token, message_format, str(descriptors)]
        + [pickled.hex()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    said: "Dict[str, Any]" = {}
    groups = []
    for line in ended.stdout.splitlines():
        value = json.loads(line)
        groups += [value] if "items" in value else []
        said.update(value)
    assert pickle.loads(bytes.fromhex(said["invoke"])) == 42
    assert said["attempt"] == 1 and said["phases"][-1] == "run"
    assert groups[0]["accepted"] == 20 and groups[0]["results"] == [1] * 20
    assert [pickle.loads(bytes.fromhex(item)) for item in groups[1]["items"]] == list(range(21))
    assert said["watched"] == "from-node-" + message_format
    assert (said["unknown"], said["wrong_token"]) == ("NotFound", "Unauthenticated")
    assert said["message"] and said["stopped"] >= 1
