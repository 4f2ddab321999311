"""A decorated function runs in a container and its results come back."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from daemon import ROOT, Run


def test_the_hello_example_prints_the_right_results(burrow: Run) -> None:
    ended = burrow("run", str(ROOT / "examples" / "hello.py"))
    assert ended.returncode == 0, ended.stderr
    assert "12 squared is 144\n" in ended.stdout
    assert "the squares up to 10 add up to 385\n" in ended.stdout
    assert "countdown: 3 2 1\n" in ended.stdout


def test_the_digits_example_trains_a_classifier_in_an_image_with_sklearn(burrow: Run) -> None:
    ended = burrow("run", str(ROOT / "examples" / "digits.py"), deadline_s=300)
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout.partition("accuracy: ")[2].split()[0]) > 0.95
    table = [line.split() for line in ended.stdout.splitlines()[-10:]]
    assert [row[0] for row in table] == [str(digit) for digit in range(10)]
    assert sum(int(count) for row in table for count in row[1:]) == 899


def test_a_map_returns_a_thousand_results_in_order(run: Run) -> None:
    ended = run(
        "@app.function()\ndef double(x): return 2 * x",
        "print(list(double.map(range(1000))) == list(range(0, 2000, 2)))",
    )
    assert (ended.returncode, ended.stdout) == (0, "True\n"), ended.stderr


def test_starmap_and_for_each_call_the_function_for_every_input(run: Run) -> None:
    ended = run(
        "@app.function()\ndef power(x, y): return x ** y",
        "print(list(power.starmap([(2, 3), (3, 2)])))\nprint(power.local(2, 5))",
    )
    assert ended.stdout == "[8, 9]\n32\n", ended.stderr
    ended = run(
        """
        @app.function(max_containers=1)
        def shout(word):
            print(word.upper())
            if word == "b": raise ValueError(word)
        """,
        """
        print(shout.for_each("abc", ignore_exceptions=True))
        try:
            shout.for_each("b")
        except ValueError as error:
            print("raised", error)
        """,
    )
    assert sorted(ended.stdout.split()) == sorted("A B C None B raised b".split()), ended.stderr


def test_a_call_behind_a_long_one_of_a_short_function_gets_its_own_container(run: Run) -> None:
    ended = run(
        """
        import time
        @app.function(timeout=60)
        def nap(seconds): time.sleep(seconds)
        """,
        """
        list(nap.map([0] * 50))
        long = [nap.spawn(40) for _ in range(2)]
        started = time.monotonic()
        list(nap.map([0] * 50))
        nap.remote(0)
        print(time.monotonic() - started < 20)
        for call in long: call.cancel()
        """,
    )
    assert ended.stdout == "True\n", ended.stderr


def test_a_generator_is_read_while_it_still_runs(run: Run) -> None:
    ended = run(
        """
        @app.function(timeout=20)
        def endless():
            n = 0
            while True:
                yield n
                n += 1
        """,
        """
        for item in endless.remote_gen():
            print(item)
            if item == 3:
                break
        """,
    )
    assert ended.stdout.split() == ["0", "1", "2", "3"], ended.stderr


def test_an_async_function_is_awaited(run: Run) -> None:
    ended = run(
        """
        import asyncio
        @app.function()
        async def nap(x):
            await asyncio.sleep(0.01)
            return x
        """,
        "print(nap.remote('rested'))",
    )
    assert ended.stdout == "rested\n", ended.stderr


def test_a_function_is_serialized_by_value_with_its_closure(run: Run) -> None:
    ended = run(
        """
        def make(factor):
            @app.function(serialized=True, name="scaled")
            def scaled(x): return factor * x
            return scaled
        scaled = make(3)
        """,
        "print(scaled.remote(4))",
    )
    assert ended.stdout == "12\n", ended.stderr


def test_calls_share_a_container_and_its_memory(run: Run) -> None:
    ended = run(
        """
        calls = []
        @app.function(max_containers=1)
        def count():
            calls.append(1)
            return len(calls)
        """,
        "print(count.remote(), count.remote())",
    )
    assert ended.stdout == "1 2\n", ended.stderr


def test_stdout_and_stderr_are_apart_and_complete_when_piped(run: Run) -> None:
    ended = run(
        """
        import subprocess, sys
        @app.function()
        def speak(n):
            for i in range(n): print("out", i)
            for i in range(n): print("err", i, file=sys.stderr)
            subprocess.run(["echo", "child"])
            print("no newline", end="")
        """,
        "speak.remote(500)",
    )
    expected = ["out %d" % i for i in range(500)] + ["child", "no newline"]
    assert ended.stdout.splitlines() == expected
    errors = [line for line in ended.stderr.splitlines() if line.startswith("err ")]
    assert errors == ["err %d" % i for i in range(500)]
    assert "\x1b[" not in ended.stdout + ended.stderr


def test_a_remote_exception_is_raised_here_with_the_remote_lines(run: Run) -> None:
    ended = run(
        """
        def inner(x):
            raise KeyError("no %d" % x)  # the raising line

        @app.function()
        def outer(x): return inner(x)
        """,
        """
        try:
            outer.remote(1)
        except KeyError as error:
            print("caught", error.args)
        outer.remote(2)
        """,
    )
    assert ended.returncode != 0
    assert ended.stdout == "caught ('no 1',)\n"
    assert 'raise KeyError("no %d" % x)  # the raising line' in ended.stderr
    assert "in inner" in ended.stderr
    assert "KeyError: 'no 2'" in ended.stderr


def test_the_functions_environment_reaches_it(run: Run) -> None:
    ended = run(
        """
        import os
        @app.function(env={"COLOUR": "green"})
        def colour(): return os.environ["COLOUR"]
        """,
        "print(colour.remote())",
    )
    assert ended.stdout == "green\n", ended.stderr


def test_a_failing_call_is_tried_again_as_often_as_asked(run: Run) -> None:
    ended = run(
        """
        tries = []
        @app.function(retries=2, max_containers=1)
        def third_time():
            tries.append(1)
            if len(tries) < 3: raise ValueError("not yet")
            return len(tries)
        """,
        "print(third_time.remote())",
    )
    assert ended.stdout == "3\n", ended.stderr


def test_two_runs_in_a_row_give_the_same(run: Run) -> None:
    for _ in range(2):
        ended = run("@app.function()\ndef one(): return 1", "print(one.remote())")
        assert (ended.returncode, ended.stdout) == (0, "1\n"), ended.stderr


def test_timing_shows_the_phases_of_a_cold_start(burrow: Run) -> None:
    ended = burrow("run", "--timing", str(ROOT / "examples" / "hello.py"))
    for phase in ("queue", "place", "mount", "launch", "interpreter", "import", "run"):
        assert phase in ended.stderr + ended.stdout


def test_run_names_a_method_and_the_parameters_of_its_class(
    burrow: Run, write_app: Callable[..., str], tmp_path: Path
) -> None:
    code = """
    @app.cls()
    class Model:
        size: int = burrow.parameter(default=2)
        @burrow.method()
        def scale(self, x: int) -> int:
            return self.size * x
    """
    path = write_app(code)
    ended = burrow("run", path, "--x", "4", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "8\n"), ended.stderr
    ended = burrow("run", path + "::Model.scale", "--size", "5", "--x", "4", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "20\n"), ended.stderr
