from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any, Callable, Dict, List, Literal, Optional

import pytest

import burrow
from burrow.cli.entrypoint_arguments import (
    parameters_of_class,
    parse_arguments,
    takes_everything,
)
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
    def variable(x: int, *args: int) -> None:
        ...

    def mixed(x: Literal[1, "a"]) -> None:
        ...

    def flags(x: List[bool]) -> None:
        ...

    def mapping(x: Dict[str, int]) -> None:
        ...

    def unknown(x: int) -> None:
        ...

    unknown.__annotations__["x"] = "Nowhere"
    functions: List[Callable[..., Any]] = [variable, mixed, flags, mapping, unknown]
    for function in functions:
        with pytest.raises(InvalidError, match=function.__name__):
            parse(function)


def dated(
    when: datetime,
    day: Optional[date] = None,
    mode: Literal["fast", "slow"] = "fast",
    level: Optional[Literal[1, 2]] = None,
    kinds: List[Literal["a", "b"]] = [],
) -> None:
    ...


def test_dates_and_choices_are_converted() -> None:
    assert parse(dated, "--when", "2026-01-31T12:00") == {
        "when": datetime(2026, 1, 31, 12),
        "day": None,
        "mode": "fast",
        "level": None,
        "kinds": [],
    }
    arguments = ["--when", "2026-01-31T12:00:05Z", "--day", "2026-02-01", "--mode", "slow"]
    found = parse(dated, *arguments, "--level", "2", "--kinds", "b", "a")
    assert found["when"] == datetime(2026, 1, 31, 12, 0, 5, tzinfo=timezone.utc)
    assert found["day"] == date(2026, 2, 1)
    assert (found["mode"], found["level"], found["kinds"]) == ("slow", 2, ["b", "a"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--when", "yesterday"], "no datetime"),
        (["--when", "2026-01-31", "--day", "2026-13-01"], "no date as ISO 8601 writes it"),
        (["--when", "2026-01-31", "--mode", "idle"], "invalid choice"),
        (["--when", "2026-01-31", "--level", "3"], "invalid choice"),
    ],
)
def test_wrong_dates_and_choices_exit_with_2(
    arguments: List[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        parse(dated, *arguments)
    assert leaving.value.code == 2 and complaint in capsys.readouterr().err


def test_arguments_alone_take_everything() -> None:
    def everything(*args: str) -> None:
        ...

    def named(x: int, *args: str) -> None:
        ...

    def keywords(*args: str, **kwargs: str) -> None:
        ...

    assert takes_everything(everything)
    assert not takes_everything(named) and not takes_everything(keywords)


class Holder:
    def method(self, x: int, *, by: int = 2) -> None:
        ...

    def words(self, *args: str) -> None:
        ...


def test_a_bound_method_has_its_instance_already() -> None:
    assert parse(Holder().method, "--x", "3") == {"x": 3, "by": 2}
    assert takes_everything(Holder().words) and not takes_everything(Holder().method)


def declared(**parameters: Any) -> Any:
    """A class with these parameters, by their types, all of them needed."""

    @burrow.method()
    def work(self: Any, x: int = 1) -> None:
        ...

    body: Dict[str, Any] = {name: burrow.parameter() for name in parameters}
    body.update(work=work, __annotations__=parameters)
    return burrow.App("a").cls(name="Model")(type("Model", (), body))


def test_parameters_of_a_class_are_options_beside_those_of_its_method() -> None:
    model = declared(size=int, loud=bool)
    others = parameters_of_class(model, model.work.__wrapped__)
    arguments = ["--size", "2", "--no-loud"]
    found = parse_arguments(model.work.__wrapped__, arguments, "burrow run x.py", others)
    assert found == {"size": 2, "loud": False, "x": 1}


@pytest.mark.parametrize(
    "parameters, words", [({"x": int}, "both have a parameter x"), ({"key": bytes}, "is bytes")]
)
def test_parameters_of_a_class_that_no_option_can_give_are_refused(
    parameters: Dict[str, Any], words: str
) -> None:
    model = declared(**parameters)
    with pytest.raises(InvalidError, match=words):
        parameters_of_class(model, model.work.__wrapped__)
