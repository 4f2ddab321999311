"""`burrow logs -f` goes on after the server was away, and prints each line once."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List

import pytest
from fake_server import ConnectFailure, DropConnection, FakeServer
from test_command_line import burrow

from burrow._client import resumed_logs
from burrow._client.config import Config
from burrow._client.resumed_logs import followed_logs
from burrow._client.transport import Transport
from burrow.exception import ConnectionError, NotFoundError


def line(at: int, text: str) -> Dict[str, Any]:
    return {"timeMs": str(at), "text": text, "containerId": "ct-1"}


class Kept:
    """Lines as a server keeps them; it breaks off after each `portion`."""

    def __init__(self, lines: List[Dict[str, Any]], portion: int) -> None:
        self.lines = lines
        self.portion = portion
        self.sent = 0
        self.refusals: List[Exception] = []

    def __call__(self, request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        if self.sent and self.refusals:
            raise self.refusals.pop()
        return self._stream(int(request.get("sinceMs", 0)))

    def _stream(self, since: int) -> Iterator[Dict[str, Any]]:
        self.sent = min(self.sent + self.portion, len(self.lines))
        for one in self.lines[: self.sent]:
            if int(one["timeMs"]) >= since:
                yield {"lines": [one]}
        if self.sent < len(self.lines):
            raise DropConnection


def texts(server: FakeServer, request: Dict[str, Any]) -> List[str]:
    transport = Transport(Config(server.url, "", "test"))
    return [one["text"] for one in followed_logs(transport, request, print)]


def test_each_line_comes_once_though_the_server_is_lost_again_and_again(server: FakeServer) -> None:
    # Some in the same millisecond, some alike, one that comes after a younger one, long pauses.
    times = [1, 1, 1, 500, 499, 30_000, 30_000, 30_001, 90_000]
    lines = [line(at, "same" if at == 1 else "%d" % n) for n, at in enumerate(times)]
    kept = Kept(lines, 2)
    kept.refusals = [ConnectFailure("unavailable", "starting", 503), DropConnection()]
    server.methods["Apps/Logs"] = kept
    request = {"app": "shop", "follow": True, "tail": 5, "sinceMs": "1"}
    assert texts(server, request) == [one["text"] for one in lines]
    asked = server.called("Apps/Logs")
    assert asked[0] == request
    assert all((one["app"], one["follow"], one["tail"]) == ("shop", True, 0) for one in asked[1:])
    assert asked[-1]["sinceMs"] == "20001"


def test_a_server_that_stays_away_is_waited_for_within_bounds(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumed_logs, "PATIENCE", 0.3)
    monkeypatch.setattr(resumed_logs, "_SAID_AFTER", 0.1)
    told: List[str] = []

    def away(request: Dict[str, Any]) -> Any:
        raise DropConnection

    server.methods["Apps/Logs"] = away
    transport = Transport(Config(server.url, "", "test"))
    with pytest.raises(ConnectionError):
        list(followed_logs(transport, {"app": "shop"}, told.append))
    (said,) = told
    assert "does not answer: trying for another" in said


def test_what_the_server_refuses_and_a_server_that_never_was_end_it_at_once(
    server: FakeServer,
) -> None:
    def refuse(request: Dict[str, Any]) -> Any:
        raise ConnectFailure("not_found", "there is no app shop", 404)

    server.methods["Apps/Logs"] = refuse
    with pytest.raises(NotFoundError, match="no app shop"):
        texts(server, {"app": "shop"})
    gone = FakeServer()
    gone.close()
    with pytest.raises(ConnectionError, match="burrowd up"):
        texts(gone, {"app": "shop"})


def test_the_command_goes_on_where_it_was_cut_off(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURROW_URL", server.url)
    server.methods["Apps/Logs"] = Kept([line(1, "one"), line(1, "two"), line(2, "three")], 1)
    done = burrow("logs", "-f", "shop")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\ntwo\nthree\n", "")
