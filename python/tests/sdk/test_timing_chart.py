from __future__ import annotations

from typing import Any, Dict

from burrow.cli.timing_chart import CallTimings


def result(cold: bool, **phases: float) -> Dict[str, Any]:
    message: Dict[str, Any] = {"phases": [{"name": k, "ms": v} for k, v in phases.items()]}
    return dict(message, cold=True) if cold else message


def test_bars_follow_each_other_and_add_up() -> None:
    timings = CallTimings()
    timings.observe("f", result(True, queue=10, place=0, mount=10, run=20))
    timings.observe("f", result(True, queue=1000))
    lines = timings.render().splitlines()
    assert lines[1] == "f: first cold call, 40.0 ms"
    bars = [line.partition("|")[2].rstrip("|") for line in lines[2:6]]
    assert bars == [
        "#" * 10 + " " * 30,
        " " * 40,
        " " * 10 + "#" * 10 + " " * 20,
        " " * 20 + "#" * 20,
    ]
    assert "place" in lines[3] and "0.00 ms" in lines[3]


def test_the_last_reason_for_a_start_without_a_fork_is_shown() -> None:
    def noted(note: str) -> Dict[str, Any]:
        phases = [{"name": "queue", "ms": 1.0}, {"name": "fork", "ms": 2.0, "note": note}]
        return {"phases": phases, "cold": True}

    timings = CallTimings()
    for note in ("", "not forked: a file is open", "not forked: 1 thread runs", ""):
        timings.observe("f", noted(note))
    text = timings.render()
    assert text.endswith("  not forked: 1 thread runs\n") and "a file" not in text


def test_warm_calls_show_their_median() -> None:
    timings = CallTimings()
    for ms in (1, 100, 3):
        timings.observe("f", result(False, run=ms))
    assert "f: median of 3 warm calls, 3.0 ms" in timings.render()


def test_a_phase_too_short_for_its_bar_is_still_seen() -> None:
    timings = CallTimings()
    timings.observe("f", result(True, queue=1000, run=0.001))
    assert timings.render().splitlines()[3].endswith("#|")


def test_no_calls_are_no_fault() -> None:
    assert CallTimings().render() == "no calls were timed\n"
