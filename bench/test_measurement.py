"""Statistics, the table and the JSON of the benchmarks."""

import json
from pathlib import Path

import pytest

from measurement import Measurement, interleave, median, percentile, table, waterfall, write_json


def measurement(**changes: object) -> Measurement:
    """A valid one, changed."""
    fields = dict(id="a.b_ms", value=3.0, unit="ms", baseline=2.0, better="lower", n=5, note="why")
    return Measurement(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("values, middle", [([7], 7), ([9, 1, 5], 5), ([4, 1, 3, 2], 2.5)])
def test_median_is_the_middle_of_the_sorted_values(values: "list[float]", middle: float) -> None:
    assert median(values) == middle


@pytest.mark.parametrize("share, expected", [(0.01, 1), (0.5, 50), (0.99, 99), (1, 100)])
def test_percentile_is_a_measured_value(share: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_percentile_of_few_values_is_the_largest() -> None:
    assert percentile([3, 8, 5], 0.99) == 8


@pytest.mark.parametrize("call", [lambda: median([]), lambda: percentile([], 0.5)])
def test_nothing_measured_is_an_error_and_not_a_number(call: "object") -> None:
    with pytest.raises(ValueError, match="no values"):
        call()  # type: ignore[operator]


def test_interleave_takes_turns_and_changes_who_begins() -> None:
    order: "list[str]" = []

    def side(name: str) -> "object":
        def sample(number: int) -> float:
            order.append("%s%d" % (name, number))
            return number

        return sample

    values, baselines = interleave(3, side("ours"), side("base"))  # type: ignore[arg-type]
    assert order == ["ours0", "base0", "base1", "ours1", "ours2", "base2"]
    assert values == baselines == [0, 1, 2]


def test_json_holds_exactly_the_agreed_fields(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_json(str(path), [measurement()])
    assert json.loads(path.read_text()) == [
        {
            "id": "a.b_ms",
            "value": 3.0,
            "unit": "ms",
            "baseline": 2.0,
            "ratio": 1.5,
            "better": "lower",
            "n": 5,
            "note": "why",
        }
    ]


@pytest.mark.parametrize(
    "changes", [{"better": "faster"}, {"baseline": 0.0}, {"value": float("nan")}]
)
def test_a_measurement_that_means_nothing_is_refused(changes: "dict[str, object]") -> None:
    with pytest.raises(ValueError):
        measurement(**changes)


def test_table_aligns_its_columns_and_shows_every_note() -> None:
    text = table([measurement(), measurement(id="a.much_longer_ms", value=12345.6, note="other")])
    header, first, note, second, other = text.splitlines()
    assert header.index("ratio") + len("ratio") == first.index("1.50") + len("1.50")
    assert "12346 ms" in second and "6172.80" in second
    assert (note.strip(), other.strip()) == ("why", "other")


def test_waterfall_gives_the_median_of_each_phase_in_order() -> None:
    calls = [{"queue": 1.0, "run": 9.0}, {"queue": 3.0, "mount": 4.0, "run": 1.0}]
    lines = [line.split() for line in waterfall(calls).splitlines()[1:]]
    assert lines == [
        ["queue", "2.00", "ms"],
        ["run", "5.00", "ms"],
        ["mount", "4.00", "ms"],
        ["sum", "11.00", "ms"],
    ]


def test_waterfall_without_phases_says_so() -> None:
    assert waterfall([{}]) == "no phases were recorded\n"
