from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List

import pytest
from fake_server import ConnectFailure
from small_burrowd import SmallBurrowd

import burrow
from burrow.exception import InvalidError, NotFoundError, ResourceExhaustedError


@pytest.fixture
def deployed(burrowd: SmallBurrowd) -> SmallBurrowd:
    """A server that has the app `shop` with the function `square` and the generator `count`."""

    def find(request: Dict[str, Any]) -> Dict[str, Any]:
        if request["app"] != "shop" or request["function"] not in ("square", "count"):
            raise ConnectFailure("not_found", "the app 'shop' has square, count", 404)
        name = request["function"]
        return {"appId": "ap-9", "functionId": "fn-" + name, "isGenerator": name == "count"}

    def count(n: int) -> Iterator[int]:
        yield from range(n)

    burrowd.functions["fn-square"] = lambda x: x * x
    burrowd.functions["fn-count"] = count
    burrowd.methods["Deployments/FindFunction"] = find
    return burrowd


def test_a_deployed_function_is_called_by_name_without_its_source(deployed: SmallBurrowd) -> None:
    square = burrow.Function.from_name("shop", "square")
    assert deployed.called("Deployments/FindFunction") == []
    assert square.remote(7) == 49
    assert square.spawn(3).get() == 9
    assert list(square.map([1, 2, 3])) == [1, 4, 9]
    assert list(burrow.Function.from_name("shop", "count").remote_gen(3)) == [0, 1, 2]
    assert len(deployed.called("Deployments/FindFunction")) == 2
    assert pickle.loads(pickle.dumps(square)).remote(2) == 4


def test_a_function_that_is_not_there_is_said_at_the_first_use(deployed: SmallBurrowd) -> None:
    missing = burrow.Function.from_name("shop", "squaer")
    with pytest.raises(NotFoundError, match="has square, count"):
        missing.remote(1)
    with pytest.raises(InvalidError, match="squaer.*looked up by name"):
        missing.local(1)


def test_deploy_sends_secrets_and_schedules_and_makes_functions_callable(
    burrowd: SmallBurrowd,
) -> None:
    pytest.importorskip("cloudpickle")
    sent: List[Dict[str, Any]] = []

    def deploy(request: Dict[str, Any]) -> Dict[str, Any]:
        sent.append(request)
        return {"appId": "ap-5", "functionIds": {"tick": "fn-tick"}, "version": 2}

    burrowd.methods["Deployments/Deploy"] = deploy
    burrowd.functions["fn-tick"] = lambda: "tock"
    app = burrow.App("clock", secrets=[burrow.Secret.from_name("hub")])

    @app.function(
        secrets=[burrow.Secret.from_dict({"A": "1"})],
        schedule=burrow.Cron("*/5 * * * *", timezone="Europe/Berlin"),
        serialized=True,
    )
    def tick() -> str:
        return "tock"

    assert app.deploy(name="clock-2") is app
    (request,) = sent
    (spec,) = request["functions"]
    assert request["name"] == "clock-2" and app.app_id == "ap-5"
    assert spec["secrets"] == [{"name": "hub"}, {"variables": {"variables": {"A": "1"}}}]
    assert spec["schedule"]["cron"] == {"expression": "*/5 * * * *", "timezone": "Europe/Berlin"}
    assert pickle.loads(burrowd.bytes_of(spec["schedule"]["arguments"])) == ((), {})
    assert tick.remote() == "tock"
    assert burrowd.called("Apps/Create") == []


def test_an_included_app_runs_with_the_one_that_includes_it(burrowd: SmallBurrowd) -> None:
    pytest.importorskip("cloudpickle")
    image = burrow.Image.debian_slim().env({"OF": "part"})
    whole, part = burrow.App("whole"), burrow.App("part", image=image)

    @part.function(serialized=True)
    def inner() -> int:
        return 1

    assert whole.include(part) is whole
    whole.include(part)
    with whole.run():
        assert inner.remote() == 1
    (build,) = burrowd.called("Images/Build")
    assert {"env": {"variables": {"OF": "part"}}} in build["steps"]
    with pytest.raises(InvalidError, match="is not running"):
        inner.remote()
    other = burrow.App("other")
    other.function(name="inner")(lambda: 2)
    with pytest.raises(InvalidError, match="both have a function named 'inner'"):
        whole.include(other)


def test_an_app_is_looked_up(burrowd: SmallBurrowd) -> None:
    def find(request: Dict[str, Any]) -> Dict[str, Any]:
        if not request["createIfMissing"]:
            raise ConnectFailure("not_found", "there is no deployed app 'shop'", 404)
        return {"appId": "ap-1", "created": True}

    burrowd.methods["Deployments/FindApp"] = find
    with pytest.raises(NotFoundError, match="no deployed app 'shop'"):
        burrow.App.lookup("shop")
    app = burrow.App.lookup("shop", create_if_missing=True)
    assert (app.name, app.app_id) == ("shop", "ap-1")


def test_stats_and_the_autoscaler_of_a_function(deployed: SmallBurrowd) -> None:
    deployed.methods["Deployments/Stats"] = lambda request: {"backlog": 3, "totalRunners": 2}
    deployed.methods["Deployments/UpdateAutoscaler"] = lambda request: {}
    square = burrow.Function.from_name("shop", "square")
    stats = square.get_current_stats()
    assert (stats.backlog, stats.num_total_runners) == (3, 2)
    square.update_autoscaler(min_containers=0, scaledown_window=2.5)
    assert deployed.called("Deployments/UpdateAutoscaler") == [
        {"minContainers": 0, "scaledownWindowMs": 2500, "functionId": "fn-square"}
    ]


@pytest.mark.parametrize("expression", ["* * * *", "", "@daily"])
def test_a_cron_expression_has_five_fields(expression: str) -> None:
    with pytest.raises(InvalidError):
        burrow.Cron(expression)


def test_a_period_adds_up_its_parts() -> None:
    assert burrow.Period(days=1, hours=2, minutes=3, seconds=4.5)._message() == {
        "periodMs": "93784500"
    }
    assert burrow.Period(years=1, months=2, days=1)._message() == {
        "periodMs": "86400000",
        "periodMonths": 14,
    }
    for options in ({}, {"seconds": 0.5}, {"hours": -1}, {"days": "1"}, {"months": 0.5}):
        with pytest.raises(InvalidError):
            burrow.Period(**options)  # type: ignore[arg-type]
    with pytest.raises(InvalidError, match="schedule must be"):
        burrow.App("a").function(schedule="* * * * *")  # type: ignore[arg-type]


def test_a_full_queue_is_waited_for_as_long_as_the_server_says() -> None:
    from burrow._client.patience import when_there_is_room

    pauses: List[float] = []

    def send() -> str:
        if len(pauses) < 2:
            full = ResourceExhaustedError("full")
            full.retry_after = 3.0
            raise full
        return "taken"

    assert when_there_is_room(send, pauses.append) == "taken"
    assert pauses == [3.0, 3.0]

    def refuse() -> str:
        raise ResourceExhaustedError("for good")

    with pytest.raises(ResourceExhaustedError, match="for good"):
        when_there_is_room(refuse, pauses.append)
    assert pauses == [3.0, 3.0]


def test_the_time_to_wait_comes_from_the_answer() -> None:
    from burrow._client.errors import exception_from_response

    body = b'{"code":"resource_exhausted","message":"full"}'
    error = exception_from_response(429, body, "Calls/Submit", "7")
    assert isinstance(error, ResourceExhaustedError) and error.retry_after == 7.0
    error = exception_from_response(429, body, "Calls/Submit", "soon")
    assert isinstance(error, ResourceExhaustedError) and error.retry_after is None


def test_with_options_calls_a_variant_of_the_function(deployed: SmallBurrowd) -> None:
    bound: List[Any] = []

    def bind(request: Dict[str, Any]) -> Dict[str, Any]:
        bound.append(request)
        return {"functionId": "fn-big"}

    deployed.methods["Apps/Bind"] = bind
    deployed.functions["fn-big"] = lambda x: x * 100
    square = burrow.Function.from_name("shop", "square")
    big = square.with_options(memory=(1024, 2048), retries=2).with_options(timeout=9)
    assert [big.remote(2), square.remote(2), *big.map([1])] == [200, 4, 100]
    (request,) = bound
    assert request["functionId"] == "fn-square" and request["parameters"] == []
    overrides = request["overrides"]
    assert overrides["memoryMib"] == 1024 and overrides["memoryLimitMib"] == 2048
    assert overrides["timeoutMs"] == 9000 and overrides["retries"]["maxRetries"] == 2
    with pytest.raises(InvalidError, match="cannot change image, name"):
        square.with_options(name="x", image=None)
    with pytest.raises(InvalidError, match="memory must be a whole number"):
        square.with_options(memory=1)
    given = square.with_options(env={"A": "1", "B": "1"}).with_options(
        env={"B": "2"},
        secrets=[burrow.Secret.from_name("hub"), burrow.Secret.from_dict({"C": "3"})],
    )
    assert given.remote(2) == 200
    assert bound[-1]["overrides"] == {
        "env": {"A": "1", "B": "2"},
        "secrets": {"secrets": [{"name": "hub"}, {"variables": {"variables": {"C": "3"}}}]},
    }


def test_a_deployed_class_is_called_by_name_with_its_parameters(burrowd: SmallBurrowd) -> None:
    bound: List[Any] = []

    def bind(request: Dict[str, Any]) -> Dict[str, Any]:
        bound.append(request["parameters"])
        return {"functionId": "fn-counter"}

    burrowd.methods["Apps/Bind"] = bind
    burrowd.methods["Deployments/FindFunction"] = lambda request: {
        "functionId": "fn-base",
        "classSpec": {
            "methods": [{"name": "add"}],
            "parameters": [
                {"name": "size", "type": "PARAMETER_TYPE_NUMBER", "default": {"number": "3"}},
                {"name": "key", "type": "PARAMETER_TYPE_DATA"},
            ],
        },
    }
    burrowd.functions["fn-counter"] = SimpleNamespace(
        instance=SimpleNamespace(add=lambda by: by + 1)
    )
    Counter = burrow.Cls.from_name("shop", "Counter")
    assert burrowd.called("Deployments/FindFunction") == []
    assert Counter(key=b"k").add.remote(4) == 5
    assert list(pickle.loads(pickle.dumps(Counter))(key=b"k", size=4).add.map([1, 2])) == [2, 3]
    assert bound == [
        [{"name": "key", "data": "aw=="}, {"name": "size", "number": "3"}],
        [{"name": "key", "data": "aw=="}, {"name": "size", "number": "4"}],
    ]
    big = pickle.loads(pickle.dumps(Counter.with_options(timeout=9)))
    assert big._overrides == {"timeoutMs": 9000}
    with pytest.raises(InvalidError, match="size of Counter takes int"):
        Counter(key=b"k", size="4")
    with pytest.raises(InvalidError, match="its source is not here"):
        Counter(key=b"k").add.local(1)
    with pytest.raises(InvalidError, match="is a class"):
        burrow.Function.from_name("shop", "Counter").remote()
