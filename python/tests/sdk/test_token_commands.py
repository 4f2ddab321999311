"""`burrow token create`, `list` and `revoke`."""

from __future__ import annotations

from small_burrowd import SmallBurrowd
from test_command_line import burrow


def test_a_token_is_printed_alone_so_that_it_can_be_piped(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Tokens/Create"] = lambda request: {"token": "bt-new"}
    done = burrow("token", "create", "web", "--role", "caller")
    assert (done.returncode, done.stdout) == (0, "bt-new\n")
    assert "only time" in done.stderr and "burrow token set" in done.stderr
    assert burrowd.called("Tokens/Create") == [{"name": "web", "role": "TOKEN_ROLE_CALLER"}]


def test_a_member_is_made_where_no_role_is_named(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Tokens/Create"] = lambda request: {"token": "bt-new"}
    assert burrow("token", "create", "ana").returncode == 0
    assert burrowd.called("Tokens/Create")[0]["role"] == "TOKEN_ROLE_MEMBER"


def test_one_is_made_for_another_workspace(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Tokens/Create"] = lambda request: {"token": "bt-new"}
    assert burrow("token", "create", "ana", "--workspace", "team").returncode == 0
    assert burrowd.called("Tokens/Create")[0]["workspace"] == "team"


def test_an_unknown_role_is_refused_here(burrowd: SmallBurrowd) -> None:
    done = burrow("token", "create", "ana", "--role", "root")
    assert done.returncode == 2 and "member" in done.stderr
    assert burrowd.called("Tokens/Create") == []


def test_they_are_listed_with_their_roles_and_never_shown(burrowd: SmallBurrowd) -> None:
    tokens = [
        {"id": "tk-1", "role": "TOKEN_ROLE_ADMIN", "createdMs": "1", "own": True},
        {
            "id": "tk-2",
            "name": "web",
            "role": "TOKEN_ROLE_CALLER",
            "createdMs": "1",
            "workspace": "team",
        },
    ]
    burrowd.methods["Tokens/List"] = lambda request: {"tokens": tokens}
    done = burrow("token", "list")
    assert done.returncode == 0, done.stderr
    first, own, web = done.stdout.splitlines()
    assert first.split() == ["TOKEN", "ROLE", "WORKSPACE", "AGE", "ID"]
    assert own.startswith("(the server's own)") and own.split()[-1] == "tk-1" and "admin" in own
    assert web.split()[:3] == ["web", "caller", "team"]


def test_one_is_revoked_by_its_name(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Tokens/Revoke"] = lambda request: {}
    done = burrow("token", "revoke", "web")
    assert (done.returncode, done.stdout) == (0, "Revoked the token web\n")
    assert burrowd.called("Tokens/Revoke") == [{"token": "web"}]
