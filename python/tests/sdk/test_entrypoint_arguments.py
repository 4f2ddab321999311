from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

import pytest

from burrow.cli.entrypoint_arguments import parse_arguments
from burrow.exception import InvalidError


def parse(function: Callable[..., Any], *arguments: str) -> Dict[str, Any]:
    return parse_arguments(function, list(arguments), "burrow run x.py")


def every_kind(
    count: int,
    learning_rate: float = 0.5,
    *,
    name: str = "x",
    verbose: bool = False,
    limit: Optional[int] = None,
    tags: List[str] = [],
) -> None:
    """Takes one of each."""


def test_defaults_stay_and_names_become_kebab_case() -> None:
    assert parse(every_kind, "--count", "3", "--learning-rate=1e-3") == {
        "count": 3,
        "learning_rate": 0.001,
        "name": "x",
        "verbose": False,
        "limit": None,
        "tags": [],
    }


def test_every_kind_is_converted() -> None:
    arguments = ["--count", "-1", "--name", "n", "--verbose", "--limit", "0x10"]
    found = parse(every_kind, *arguments, "--tags", "a", "b")
    assert (found["count"], found["name"], found["verbose"]) == (-1, "n", True)
    assert (found["limit"], found["tags"]) == (16, ["a", "b"])


def test_a_flag_can_be_turned_off() -> None:
    def main(cache: bool = True) -> None:
        ...

    assert parse(main, "--no-cache") == {"cache": False}
    assert parse(main) == {"cache": True}


def test_without_hints_the_default_tells_the_type() -> None:
    def main(a, b=2, c=None):  # type: ignore[no-untyped-def]
        ...

    assert parse(main, "--a", "1", "--b", "3") == {"a": "1", "b": 3, "c": None}


def test_an_optional_parameter_may_be_left_out() -> None:
    def main(limit: "int | None") -> None:
        ...

    assert parse(main) == {"limit": None}
    assert parse(main, "--limit", "4") == {"limit": 4}


@pytest.mark.parametrize(
    "arguments",
    [[], ["--count"], ["--count", "x"], ["--count", "1", "--oops"], ["--count", "1", "stray"]],
)
def test_wrong_usage_exits_with_2(arguments: List[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        parse(every_kind, *arguments)
    assert leaving.value.code == 2
    assert "burrow run x.py" in capsys.readouterr().err


def test_help_shows_the_first_line_of_the_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        parse(every_kind, "--help")
    assert leaving.value.code == 0
    assert "Takes one of each." in capsys.readouterr().out


def test_parameters_that_no_option_can_fill_are_refused() -> None:
    def variable(*args: int) -> None:
        ...

    def mapping(x: Dict[str, int]) -> None:
        ...

    def unknown(x: int) -> None:
        ...

    unknown.__annotations__["x"] = "Nowhere"
    functions: List[Callable[..., Any]] = [variable, mapping, unknown]
    for function in functions:
        with pytest.raises(InvalidError, match=function.__name__):
            parse(function)
