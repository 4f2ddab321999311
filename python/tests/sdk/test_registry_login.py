"""Where logins for registries come from."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any, Callable

import pytest

from burrow._client.registry_login import login_for

Configure = Callable[..., None]
REFERENCE = "docker://kept.example:5000/team/image:1"
HOST = "kept.example:5000"


def auth(text: str) -> "dict[str, str]":
    return {"auth": base64.b64encode(text.encode()).decode()}


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """`configure(auths=..., credsStore=...)` writes Docker's file."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)

    def configure(**content: Any) -> None:
        (tmp_path / "config.json").write_text(json.dumps(content))

    return configure


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """`helper(script)` makes docker-credential-safe; what it reads and is called with lands in the returned file."""
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path / "bin", os.environ["PATH"]))

    def helper(script: str) -> Path:
        path = tmp_path / "bin/docker-credential-safe"
        path.parent.mkdir(exist_ok=True)
        asked = tmp_path / "asked"
        path.write_text('#!/bin/sh\n{ echo "$@"; cat; } > %s\n%s\n' % (asked, script))
        path.chmod(0o755)
        return asked

    return helper


def test_a_password_stands_in_the_file_under_a_host_or_a_url(configure: Configure) -> None:
    for key in (HOST, "https://%s/v1/" % HOST):
        configure(auths={"other.example": auth("you:no"), key: auth("me:p:w")})
        assert login_for(REFERENCE) == {"host": HOST, "username": "me", "password": "p:w"}


def test_a_store_of_credentials_is_asked_by_the_name_that_the_login_has(
    configure: Configure, helper: Callable[[str], Path]
) -> None:
    asked = helper("""echo '{"ServerURL": "x", "Username": "me", "Secret": "kept"}'""")
    configure(auths={"https://%s/v1/" % HOST: {}}, credsStore="safe")
    assert login_for(REFERENCE) == {"host": HOST, "username": "me", "password": "kept"}
    assert asked.read_text() == "get\nhttps://%s/v1/" % HOST


def test_a_helper_of_one_registry_goes_before_the_store(
    configure: Configure, helper: Callable[[str], Path]
) -> None:
    asked = helper("""echo '{"Username": "me", "Secret": "kept"}'""")
    configure(credHelpers={HOST: "safe", "other.example": "absent"}, credsStore="absent")
    assert login_for(REFERENCE)["password"] == "kept"
    assert asked.read_text() == "get\n" + HOST
    assert login_for("docker://other.example/image") == {}


@pytest.mark.parametrize(
    "script",
    [
        "echo credentials not found; exit 1",
        "echo no JSON",
        "echo '[]'",
        """echo '{"Username": "me"}'""",
        """echo '{"Username": "<token>", "Secret": "refresh"}'""",
    ],
)
def test_a_helper_without_a_password_leaves_what_the_file_says(
    configure: Configure, helper: Callable[[str], Path], script: str
) -> None:
    helper(script)
    configure(credsStore="safe")
    assert login_for(REFERENCE) == {}
    configure(credsStore="safe", auths={HOST: auth("me:pw")})
    assert login_for(REFERENCE)["password"] == "pw"


@pytest.mark.parametrize(
    "content",
    [
        {"credsStore": "../../bin/sh"},
        {"credsStore": ["safe"]},
        {"credsStore": "not-installed-anywhere"},
        {"auths": [HOST]},
        {"auths": {HOST: "me:pw"}},
        {"auths": {HOST: {"auth": "%%%"}}},
        {"auths": {HOST: auth("no colon")}},
        {"credHelpers": 5},
    ],
)
def test_nonsense_is_no_login(configure: Configure, content: "dict[str, Any]") -> None:
    configure(**content)
    assert login_for(REFERENCE) == {}


def test_a_file_that_is_none_is_no_login(tmp_path: Path, configure: Configure) -> None:
    (tmp_path / "config.json").write_text("[not json")
    assert login_for(REFERENCE) == {}
