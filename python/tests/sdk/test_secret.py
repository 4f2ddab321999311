from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from burrow import Secret
from burrow._client.dotenv import parse_lines
from burrow.exception import InvalidError


def test_a_stored_secret_is_named_and_nothing_of_it_is_known() -> None:
    secret = Secret.from_name("hub", required_keys=["TOKEN"])
    assert secret._message() == {"name": "hub", "requiredKeys": ["TOKEN"]}
    assert Secret.from_name("hub")._message() == {"name": "hub"}
    assert secret != Secret.from_name("hub") and repr(secret) == "<burrow.Secret hub>"
    with pytest.raises(InvalidError):
        Secret.from_name("no name")


def test_variables_of_a_dict_may_hold_line_breaks_and_none_is_left_out() -> None:
    secret = Secret.from_dict({"KEY": "-----\nabc\n", "ABSENT": None})
    assert secret._message() == {"variables": {"variables": {"KEY": "-----\nabc\n"}}}
    assert "abc" not in repr(secret)


@pytest.mark.parametrize("value", [12345, "hidden\0value", b"hidden"])
def test_an_error_does_not_show_a_value(value: Any) -> None:
    with pytest.raises(InvalidError, match="The secret TOKEN must be a string") as raised:
        Secret.from_dict({"TOKEN": value})
    assert "12345" not in str(raised.value) and "hidden" not in str(raised.value)


def test_a_name_without_sense_is_refused() -> None:
    for names in ({"": "x"}, {"A=B": "x"}):
        with pytest.raises(InvalidError, match="cannot name"):
            Secret.from_dict(names)  # type: ignore[arg-type]


DOTENV = """
# a comment
PLAIN=one two  # with a comment
export SHELL_LIKE = value
EMPTY=
SINGLE='${PLAIN} \\n # kept'
DOUBLE="a \\"quoted\\" word\\n${PLAIN}"  # and a comment
LINES="first
second"
FROM_OUTSIDE=${HOME_TOWN}-${NOWHERE:-default}
HASH=a#b
"""


def test_a_dotenv_file_has_comments_quotes_and_references() -> None:
    assert dict(parse_lines(DOTENV, "f", {"HOME_TOWN": "Ulm"})) == {
        "PLAIN": "one two",
        "SHELL_LIKE": "value",
        "EMPTY": "",
        "SINGLE": "${PLAIN} \\n # kept",
        "DOUBLE": 'a "quoted" word\none two',
        "LINES": "first\nsecond",
        "FROM_OUTSIDE": "Ulm-default",
        "HASH": "a#b",
    }


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("A=1\nhidden\n", "Line 2 of f is not"),
        ("A=1\n\nB='hidden\n", "line 3 of f is not closed"),
        ('A="hidden" hidden', "Something follows the quote in line 1"),
        ("=hidden", "Line 1 of f is not"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_not_shown(text: str, complaint: str) -> None:
    with pytest.raises(InvalidError, match=complaint) as raised:
        list(parse_lines(text, "f", {}))
    assert "hidden" not in str(raised.value)


def test_a_dotenv_file_is_found_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "module.py").write_text("")
    expected = Secret.from_dict({"A": "1"})
    assert Secret.from_dotenv(str(inner / "module.py")) == expected
    monkeypatch.chdir(inner)
    assert Secret.from_dotenv() == expected
    with pytest.raises(InvalidError, match="no file .absent"):
        Secret.from_dotenv(filename=".absent")
    monkeypatch.setenv("BURROW_CONTAINER_ID", "ct-1")
    assert Secret.from_dotenv(filename=".absent") == Secret.from_dict({})
