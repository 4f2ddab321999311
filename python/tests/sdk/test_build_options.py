from __future__ import annotations

from pathlib import Path

import pytest
from test_build_command import project  # noqa: F401

from burrow.cli.build_options import agent_socket, build_arguments, find_source, read_secret
from burrow.exception import InvalidError


def test_the_dockerfile_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_source(str(project), None)
    assert (found.path, found.context) == (str(project / "Dockerfile"), str(project))
    (project / "other").write_text("FROM other")
    found = find_source(str(project / "other"), None)
    assert (found.text, found.context) == ("FROM other", str(project))
    found = find_source(str(project), str(project / "other"))
    assert (found.text, found.context) == ("FROM other", str(project))
    (project / "Dockerfile").rename(project / "Containerfile")
    assert find_source(str(project), None).text.startswith("FROM debian")
    (project / "Containerfile").rename(project / "x.burrow")
    assert find_source(str(project), None).name.endswith("x.burrow")
    monkeypatch.chdir(project)
    assert find_source("other", None).context == "."


def test_sources_that_cannot_be_are_one_sentence(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "app.py").write_text("")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for place, file, match in (
        (str(tmp_path / "empty"), None, "no Dockerfile or Containerfile"),
        (str(tmp_path / "none"), None, "Cannot read .*none: No such file"),
        (str(tmp_path / "app.py"), None, "burrow run"),
        (str(tmp_path / "binary"), None, "not UTF-8 at byte 0"),
        (str(tmp_path / "app.py"), str(project / "Dockerfile"), "is no directory"),
        ("-", "x", "name one of them"),
    ):
        with pytest.raises(InvalidError, match=match):
            find_source(place, file)


def test_build_arguments_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "value")
    monkeypatch.delenv("UNSET", raising=False)
    assert build_arguments(["A=", "SET", "UNSET"]) == {"A": "", "SET": "value"}
    with pytest.raises(InvalidError):
        build_arguments(["=x"])


def test_secrets_are_read_from_files_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"\0\xff")
    monkeypatch.setenv("VARIABLE", "v")
    assert read_secret("id=a,src=file") == ("a", b"\0\xff")
    assert read_secret("id=a,source=%s,type=file" % (tmp_path / "file")) == ("a", b"\0\xff")
    assert read_secret("id=a,env=VARIABLE") == ("a", b"v")
    assert read_secret("type=env,id=VARIABLE") == ("VARIABLE", b"v")
    assert read_secret("id=VARIABLE") == ("VARIABLE", b"v")
    assert read_secret("id=file") == ("file", b"\0\xff")
    (tmp_path / "large").write_bytes(b"x" * (500 * 1024 + 1))
    for text in ("src=file", "id", "id=a,mode=1", "id=a,src=none", "id=a,env=NONE", "id=large"):
        with pytest.raises(InvalidError) as caught:
            read_secret(text)
        assert "xxx" not in str(caught.value)


def test_an_agent_needs_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "file").write_text("")
    for text in ("default", "default=%s" % (tmp_path / "file"), "default=/no/such"):
        with pytest.raises(InvalidError):
            agent_socket(text)
