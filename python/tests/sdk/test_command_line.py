from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from small_burrowd import SmallBurrowd

from burrow.cli.run_options import RunUsageError, parse_run_options
from burrow.cli.tables import age, size, table, word

ROOT = Path(__file__).resolve().parents[3]
LAUNCHER = ROOT / "bin" / "burrow"

APP = """
import burrow
app = burrow.App("cli")

def inner(x):
    return 1 / x

@app.function()
def invert(x: float) -> float:
    return inner(x)
"""

MAIN = """
@app.local_entrypoint()
def main(x: float = 4):
    print(invert.remote(x))
"""


def burrow(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = dict(os.environ, BURROW_PYTHON=sys.executable, **environment)
    command = [str(LAUNCHER), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "cli_app.py"
    path.write_text(APP + MAIN)
    return path


def test_run_prints_the_result_and_the_logs(burrowd: SmallBurrowd, script: Path) -> None:
    done = burrow("run", str(script), "--x", "8")
    assert (done.returncode, done.stdout) == (0, "0.125\nlast words\n")
    assert done.stderr == ""


def test_run_shows_a_remote_exception_without_internals(
    burrowd: SmallBurrowd, script: Path
) -> None:
    done = burrow("run", str(script), "--x", "0")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.rstrip().endswith("ZeroDivisionError: float division by zero")
    assert "print(invert.remote(x))" in done.stderr and "return 1 / x" in done.stderr
    assert "python/burrow/" not in done.stderr


def test_run_calls_a_sole_function_remotely(burrowd: SmallBurrowd, tmp_path: Path) -> None:
    path = tmp_path / "sole.py"
    path.write_text(APP)
    assert burrow("run", str(path), "--x", "2").stdout.startswith("0.5\n")
    missing = burrow("run", str(path))
    assert missing.returncode == 2 and "--x" in missing.stderr


METHOD = """
import burrow
app = burrow.App("cli")

@app.cls()
class Model:
    size: int = burrow.parameter()
    key: bytes = burrow.parameter(default=b"")

    @burrow.method()
    def scale(self, x: int, *, by: int = 1) -> int:
        return self.size * x * by
"""


@pytest.mark.parametrize("suffix", ["", "::Model.scale"])
def test_run_calls_a_method_with_the_parameters_of_its_class(
    burrowd: SmallBurrowd, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / "method.py"
    path.write_text(METHOD)
    done = burrow("run", str(path) + suffix, "--x", "2", "--size", "5", "--by=3")
    assert done.stdout.startswith("30\n"), done.stderr
    missing = burrow("run", str(path) + suffix, "--x", "2")
    assert missing.returncode == 2 and "required: --size" in missing.stderr
    assert "--self" not in missing.stderr and "--key" not in missing.stderr


def test_run_calls_a_method_without_any_parameter(burrowd: SmallBurrowd, tmp_path: Path) -> None:
    path = tmp_path / "method.py"
    text = METHOD.replace("parameter()", "parameter(default=4)")
    path.write_text(text.replace("self, x: int, *, by: int = 1", "self").replace(" * x * by", ""))
    assert burrow("run", str(path)).stdout.startswith("4\n")


def test_run_lists_the_entrypoints_to_choose_from(burrowd: SmallBurrowd, script: Path) -> None:
    script.write_text(APP + MAIN + MAIN.replace("main", "other"))
    done = burrow("run", str(script))
    assert done.returncode == 1 and "main, other" in done.stderr
    assert burrow("run", "%s::other" % script).returncode == 0
    assert "no entrypoint or function named 'x'" in burrow("run", "%s::x" % script).stderr


def test_an_entrypoint_of_arguments_alone_gets_the_words_as_they_are(
    burrowd: SmallBurrowd, script: Path
) -> None:
    script.write_text(APP + "\n@app.local_entrypoint()\ndef main(*words):\n    print(words)\n")
    done = burrow("run", str(script), "--x", "8", "a b", "-h")
    assert done.stdout.startswith("('--x', '8', 'a b', '-h')\n"), done.stderr


def test_run_times_the_calls(burrowd: SmallBurrowd, script: Path) -> None:
    done = burrow("run", "--timing", str(script))
    assert "invert: median of 1 warm calls, 3.0 ms" in done.stderr


def test_bad_files_are_one_sentence(tmp_path: Path) -> None:
    plain = tmp_path / "plain.py"
    plain.write_text("x = 1\n")
    for path in ("/no/such.py", str(tmp_path), str(plain)):
        done = burrow("run", path)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1


def test_a_file_that_raises_shows_its_own_frames_only(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def f():\n    raise ValueError('here')\nf()\n")
    done = burrow("run", str(path))
    assert done.returncode == 1 and "python/burrow/" not in done.stderr
    assert done.stderr.count("  File ") == 2 and "ValueError: here" in done.stderr


@pytest.mark.parametrize("command", [["run", "SCRIPT"], ["ps"], ["logs", "a"], ["image", "ls"]])
def test_no_server_is_one_sentence(script: Path, command: List[str]) -> None:
    arguments = [str(script) if word == "SCRIPT" else word for word in command]
    done = burrow(*arguments, BURROW_URL="http://127.0.0.1:1")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "start it with 'burrowd up'" in done.stderr


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_app(
    burrowd: SmallBurrowd, script: Path, number: signal.Signals, code: int
) -> None:
    script.write_text(
        APP
        + "@app.local_entrypoint()\ndef main():\n    import os, time\n"
        + "    os.kill(os.getpid(), %d)\n    time.sleep(60)\n" % number
    )
    done = burrow("run", str(script))
    assert done.returncode == code
    assert len(burrowd.stopped) == 1
    if number == signal.SIGINT:
        assert done.stderr == "Stopping app... stopped.\n"


def test_a_second_interrupt_leaves_at_once(burrowd: SmallBurrowd, script: Path) -> None:
    pid: List[int] = []

    def stop(request: Dict[str, Any]) -> Dict[str, Any]:
        os.kill(pid[0], signal.SIGINT)
        return burrowd.stop(request) if released.wait(30) else {}

    import threading

    released = threading.Event()
    burrowd.methods["Apps/Stop"] = stop
    script.write_text(
        APP
        + "@app.local_entrypoint()\ndef main():\n    import os\n    print(os.getpid(), flush=True)\n"
        + "    invert.remote(1)\n"
    )
    invoke = burrowd.methods["Calls/Invoke"]

    def interrupt(request: Dict[str, Any]) -> Dict[str, Any]:
        os.kill(pid[0], signal.SIGINT)
        released.wait(30)
        answer: Dict[str, Any] = invoke(request)
        return answer

    env = dict(os.environ, BURROW_PYTHON=sys.executable)
    process = subprocess.Popen(
        [str(LAUNCHER), "run", str(script)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    pid.append(process.pid)
    burrowd.methods["Calls/Invoke"] = interrupt
    try:
        assert process.wait(20) == 130
    finally:
        released.set()
        process.kill()
        process.communicate()


def test_a_module_of_its_own_runs_the_app_too(burrowd: SmallBurrowd, script: Path) -> None:
    script.write_text(
        APP + "if __name__ == '__main__':\n    with app.run():\n        print(invert.remote(2))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env=dict(os.environ, PYTHONPATH=str(ROOT / "python")),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.5\nlast words\n", "")


def test_the_launcher_works_through_links(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "absolute").symlink_to(LAUNCHER)
    (tmp_path / "bin" / "burrow").symlink_to("../absolute")
    done = subprocess.run(
        ["burrow", "--version"],
        env=dict(os.environ, PATH="%s:%s" % (tmp_path / "bin", os.environ["PATH"])),
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("burrow ")


def test_the_lists(burrowd: SmallBurrowd) -> None:
    burrowd.methods.update(
        {
            "Containers/List": lambda request: {
                "containers": [
                    {
                        "containerId": "ct-1",
                        "appName": "hello",
                        "function": "square",
                        "state": "CONTAINER_STATE_READY",
                        "callsDone": "7",
                    }
                ],
                "workers": [
                    {
                        "workerId": "wk-1",
                        "containers": 1,
                        "cacheBytes": "1500",
                        "cache": {
                            "quotaBytes": "3000",
                            "misses": "4",
                            "prefetchedBlobs": "700",
                            "failedFetches": "5",
                            "uncachedBytes": "2000",
                            "slowFetches": "3",
                        },
                        "imagefs": {
                            "tier": "erofs",
                            "retries": "11",
                            "damagedBytes": "1000",
                            "failedReads": "6",
                            "restarts": "1",
                        },
                        "connections": "2",
                    }
                ],
            },
            "Images/List": lambda request: {
                "images": [{"imageId": "im-1", "files": "3", "bytes": "1500", "description": "d"}]
            },
            "Apps/List": lambda request: {
                "apps": [{"appId": "ap-1", "name": "hello", "state": "APP_STATE_RUNNING"}]
            },
            "Apps/Logs": lambda request: iter(
                [{"lines": [{"text": "one", "stream": "LOG_STREAM_STDOUT"}]}]
            ),
        }
    )
    assert "ct-1       hello  square    ready  -    0        7     -" in burrow("ps").stdout
    assert "wk-1    1           1.5 kB  3.0 kB  0     4       700" in burrow("ps").stdout
    faults = burrow("ps").stdout.splitlines()[-1].split()
    assert faults == ["wk-1", "erofs", "2", "11", "3", "1.0", "kB", "5", "2.0", "kB", "6", "1"]
    assert "im-1   -      3      1.5 kB  -    d" in burrow("image", "ls").stdout
    assert "ap-1  hello  running" in burrow("app", "ls", "--all").stdout
    assert burrowd.called("Apps/List") == [{"all": True}]
    assert burrow("logs", "hello", "--tail", "1").stdout == "one\n"
    assert burrowd.called("Apps/Logs") == [{"app": "hello", "follow": False, "tail": 1}]
    assert burrow("app", "stop", "hello").stdout.startswith("Stopped hello")


@pytest.mark.parametrize(
    "arguments, code", [(["--help"], 0), (["run", "--help"], 0), ([], 2), (["x"], 2), (["run"], 2)]
)
def test_help_and_wrong_usage(arguments: List[str], code: int) -> None:
    done = burrow(*arguments)
    assert done.returncode == code
    assert "usage: burrow" in done.stdout + done.stderr


def test_run_options_are_taken_from_both_sides_of_the_file() -> None:
    options = parse_run_options(["-q", "a.py::f", "--x", "1", "--timing", "--", "--quiet"])
    assert (options.file, options.entrypoint) == ("a.py", "f")
    assert options.quiet and options.timing and options.arguments == ["--x", "1", "--quiet"]
    with pytest.raises(RunUsageError, match="--x"):
        parse_run_options(["--x", "a.py"])


def test_words_for_tables() -> None:
    assert table(["A", "BC"], [["long", "x"]]) == "A     BC\nlong  x\n"
    assert [age(1, now=t) for t in (0, 59, 60, 7300, 200000)] == ["0s", "58s", "59s", "2h", "2d"]
    assert age(None) == age(0) == "-"
    assert [size(n) for n in (0, 999, 1500)] == ["0 B", "999 B", "1.5 kB"]
    assert size("2000000") == "2.0 MB"
    assert word("APP_STATE_STOPPED", "APP_STATE_") == "stopped" and word(None, "X") == "-"
