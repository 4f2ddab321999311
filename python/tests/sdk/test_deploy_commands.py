from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from small_burrowd import SmallBurrowd

from burrow.cli.call_command import parse_call_arguments
from burrow.cli.call_view import describe_call
from burrow.cli.logs import parse_since
from burrow.exception import InvalidError

LAUNCHER = Path(__file__).resolve().parents[3] / "bin" / "burrow"
APP = "import burrow\napp = burrow.App('shop')\n@app.function()\ndef f(): pass\n"


def burrow(*arguments: str, input: str = "") -> "subprocess.CompletedProcess[str]":
    env = dict(os.environ, BURROW_PYTHON=sys.executable)
    command = [str(LAUNCHER), *arguments]
    return subprocess.run(command, env=env, input=input, capture_output=True, text=True, timeout=60)


@pytest.fixture
def stored(burrowd: SmallBurrowd) -> List[Dict[str, Any]]:
    """What Secrets/Put received."""
    requests: List[Dict[str, Any]] = []

    def put(request: Dict[str, Any]) -> Dict[str, Any]:
        requests.append(request)
        return {"replaced": request["overwrite"]}

    burrowd.methods["Secrets/Put"] = put
    return requests


def test_deploy_says_what_it_deployed(burrowd: SmallBurrowd, tmp_path: Path) -> None:
    names: List[str] = []

    def deploy(request: Dict[str, Any]) -> Dict[str, Any]:
        names.append(request["name"])
        ids = {"f": "fu-1"}
        return {"appId": "ap-5", "version": 3, "functionIds": ids, "nextRunsMs": {"f": "1000"}}

    burrowd.methods["Deployments/Deploy"] = deploy
    path = tmp_path / "the_shop.py"
    path.write_text(APP)
    done = burrow("deploy", str(path), "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Deployed shop (ap-5), version 3\n  f(), called next at 19")
    assert burrow("deploy", "%s::app" % path, "--name", "other").returncode == 0
    assert names == ["shop", "other"]
    done = burrow("deploy", "%s::absent" % path)
    assert done.returncode == 1 and "has no app absent; it has app" in done.stderr


def test_a_secret_comes_from_a_file_or_standard_input_in_silence(
    stored: List[Dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "vars").write_text("TOKEN=marker-1\n")
    done = burrow("secret", "create", "hub", "--from-dotenv", str(tmp_path / "vars"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Created the secret hub: TOKEN\n"
    done = burrow("secret", "create", "hub", "-", "--force", input="TOKEN='marker-2'\nB=2\n")
    assert done.stdout == "Replaced the secret hub: B, TOKEN\n"
    assert [one["variables"] for one in stored] == [
        {"TOKEN": "marker-1"},
        {"TOKEN": "marker-2", "B": "2"},
    ]


def test_a_secret_on_the_command_line_is_warned_of(stored: List[Dict[str, Any]]) -> None:
    done = burrow("secret", "create", "hub", "TOKEN=a=b")
    assert done.returncode == 0 and "prefer --from-dotenv" in done.stderr
    assert "a=b" not in done.stdout + done.stderr
    assert stored[0]["variables"] == {"TOKEN": "a=b"}
    done = burrow("secret", "create", "hub", "A=1", "marker")
    assert done.returncode == 1 and "Argument 2" in done.stderr and "marker" not in done.stderr
    assert burrow("secret", "create", "hub", "-f", "A=1").returncode == 0
    done = burrow("secret", "create", "hub", input="")
    assert done.returncode == 1 and "would hold nothing" in done.stderr


def test_secrets_are_listed_without_values(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Secrets/List"] = lambda request: {
        "secrets": [{"name": "hub", "keys": ["A", "B"]}, {"name": "lost"}]
    }
    burrowd.methods["Secrets/Delete"] = lambda request: {}
    lines = burrow("secret", "list").stdout.splitlines()
    assert lines[1].startswith("hub") and "A, B" in lines[1]
    assert "create it again" in lines[2]
    assert burrow("secret", "delete", "hub").stdout == "Deleted the secret hub\n"
    assert burrowd.called("Secrets/Delete") == [{"name": "hub"}]


def test_call_prints_the_value(burrowd: SmallBurrowd) -> None:
    burrowd.functions["fn-f"] = lambda *args, **kwargs: [list(args), kwargs]
    burrowd.methods["Deployments/FindFunction"] = lambda request: {"functionId": "fn-f"}
    done = burrow("call", "shop", "f", "1", "two", '{"k": [3]}', "--max-size", "5", "--no-dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout == '[[1, "two", {"k": [3]}], {"max_size": 5, "dry_run": false}]\n'


def test_call_arguments_are_json_or_text() -> None:
    assert parse_call_arguments(["-1", "x y", "--a=null", "--b", "--c", "1.5", "--", "--d"]) == (
        [-1, "x y", "--d"],
        {"a": None, "b": True, "c": 1.5},
    )
    for wrong in (["--a", "1", "--a", "2"], ["--1"]):
        with pytest.raises(InvalidError):
            parse_call_arguments(wrong)


def test_call_show_tells_why_a_call_waits() -> None:
    lines = describe_call(
        {
            "callId": "fc-1",
            "appName": "shop",
            "function": "f",
            "state": "CALL_STATE_QUEUED",
            "why": "no worker is connected",
            "waitingMs": 2500.0,
        }
    )
    assert lines == [
        "fc-1",
        "  function   f() of shop",
        "  state      queued",
        "  waits      for 2.5 s: no worker is connected",
    ]


def test_call_show_draws_the_waterfall_of_a_finished_call() -> None:
    lines = describe_call(
        {
            "callId": "fc-1",
            "state": "CALL_STATE_FINISHED",
            "attempt": 2,
            "containerId": "ct-1",
            "result": {
                "status": "CALL_STATUS_USER_ERROR",
                "error": {"type": "ValueError", "message": "no"},
                "phases": [
                    {"name": "queue", "ms": 1.0, "note": "not forked: a file is open"},
                    {"name": "run", "ms": 3.0},
                ],
            },
        }
    )
    text = "\n".join(lines)
    assert "  state      user error" in text and "ValueError: no" in text
    assert "warm call, 4.0 ms" in text
    assert "|##########                              |" in text
    assert lines[-1] == "  not forked: a file is open"


def test_logs_pass_their_filters_on(burrowd: SmallBurrowd) -> None:
    seen: List[Dict[str, Any]] = []

    def logs(request: Dict[str, Any]) -> Any:
        seen.append(request)
        return iter([{"lines": [{"text": "one"}]}])

    burrowd.methods["Apps/Logs"] = logs
    done = burrow("logs", "shop", "--function", "f", "--call", "fc-1", "--container", "ct-1")
    assert done.stdout == "one\n"
    assert seen[0] == {
        "app": "shop",
        "follow": False,
        "tail": 0,
        "function": "f",
        "callId": "fc-1",
        "containerId": "ct-1",
    }


def test_since_is_an_age_or_a_time() -> None:
    assert parse_since("90s", 1000.0) == 910_000
    assert parse_since("2h", 10_000.0) == 2_800_000
    assert parse_since("1970-01-02T00:00:00+00:00", 0.0) == 86_400_000
    with pytest.raises(InvalidError, match="--since takes"):
        parse_since("yesterday", 0.0)


def test_exec_runs_a_command_in_a_container_and_ends_with_its_code(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Shells/Input"] = lambda request: {"received": request.get("offset", "0")}
    burrowd.methods["Shells/Open"] = lambda request: iter(
        [{"shellId": "sh-1"}, {"output": "aGVsbG8K"}, {"exit": {"code": 3}}]
    )
    done = burrow("exec", "ct-1", "--", "ls", "-l")
    assert (done.returncode, done.stdout) == (3, "hello\n")
    (opened,) = burrowd.called("Shells/Open")
    assert opened == {"args": ["ls", "-l"], "container": "ct-1"}
    assert burrow("exec", "ct-1").returncode == 2
