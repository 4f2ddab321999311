from __future__ import annotations

import json
from pathlib import Path

import pytest

from burrow._client.config import DEFAULT_URL, load_config
from burrow.exception import InvalidError


def test_the_environment_outranks_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"url": "http://file:1", "token": "file"}))
    config = load_config(
        {"BURROW_CONFIG": str(path), "BURROW_URL": "http://env:2/", "BURROW_TOKEN": "env"}
    )
    assert (config.host, config.port, config.token) == ("env", 2, "env")


def test_the_file_gives_what_the_environment_leaves_open(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"url": "https://[::1]/base", "token": "file"}))
    config = load_config({"BURROW_CONFIG": str(path)})
    assert (config.scheme, config.host, config.port) == ("https", "::1", 443)
    assert (config.prefix, config.token) == ("/base", "file")


def test_a_stored_token_is_not_sent_to_another_server(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"url": "http://file:1", "token": "file"}))
    environ = {"BURROW_CONFIG": str(path), "BURROW_URL": "http://elsewhere:1"}
    assert load_config(environ).token == ""
    environ["BURROW_URL"] = "http://file:1/"
    assert load_config(environ).token == "file"


def test_without_configuration_the_local_server_is_meant(tmp_path: Path) -> None:
    assert load_config({"BURROW_CONFIG": str(tmp_path / "none")}).url == DEFAULT_URL


@pytest.mark.parametrize("content", ["", "[]", '{"url": 1}', "{"])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    with pytest.raises(InvalidError, match="c.json"):
        load_config({"BURROW_CONFIG": str(path)})


@pytest.mark.parametrize(
    "url", ["localhost:1", "ftp://h", "http://", "http://h:x", "http://h:0", "http://a@b"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidError, match="BURROW_URL"):
        load_config({"BURROW_URL": url, "BURROW_TOKEN": "t"})


def test_a_token_cannot_smuggle_headers() -> None:
    with pytest.raises(InvalidError, match="token"):
        load_config({"BURROW_URL": "http://h", "BURROW_TOKEN": "a\r\nX: y"})
