"""Parameters and methods that programs written for Modal use, beside what they do here."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any, Dict, Iterator, List

import pytest
from fake_server import ConnectFailure
from small_burrowd import SmallBurrowd

import burrow
from burrow.exception import AppNotRunningError, InvalidError, NotFoundError

app = burrow.App(tags={"team": "search"}, include_source=True)


@app.function(env={"LEVEL": "info", "PROXY": None})
def double(x: int) -> int:
    if x < 0:
        raise ValueError(x)
    return 2 * x


@app.function()
def count(n: int) -> Iterator[int]:
    yield from range(n)


@app.cls()
class Shelf:
    size: int = burrow.parameter(default=3)

    @burrow.method()
    def room(self) -> int:
        return self.size


@pytest.fixture
def running(burrowd: SmallBurrowd) -> Iterator[SmallBurrowd]:
    with app.run(interactive=False, environment_name=None):
        yield burrowd


def test_an_app_without_a_name_runs_and_is_deployed_under_another(burrowd: SmallBurrowd) -> None:
    with app.run():
        assert double.remote(4) == 8
    with pytest.raises(InvalidError, match="no name to be deployed under"):
        app.deploy()
    burrowd.methods["Deployments/Deploy"] = lambda request: {"appId": "ap-2", "functionIds": {}}
    assert app.deploy(name="shelves").app_id == "ap-2"
    assert burrowd.called("Deployments/Deploy")[0]["name"] == "shelves"
    app._deployed, app.app_id = None, ""


def test_variables_without_a_value_are_left_out(running: SmallBurrowd) -> None:
    (spec,) = [
        one for one in running.called("Apps/Publish")[0]["functions"] if one["name"] == double.name
    ]
    assert spec["env"] == {"LEVEL": "info"}
    assert burrow.Secret.from_dict()._message() == {"variables": {"variables": {}}}


def test_an_app_tells_what_is_registered() -> None:
    assert sorted(app.registered_functions) == ["count", "double"]
    assert list(app.registered_classes) == ["Shelf"]


def test_tags_of_an_included_app_are_inherited_unless_the_app_has_them() -> None:
    other = burrow.App("other", tags={"team": "ads", "tier": "1"})
    whole = burrow.App("whole", tags={"team": "all"}).include(other)
    assert whole.tags == {"team": "all", "tier": "1"}
    assert burrow.App("apart").include(other, inherit_tags=False).tags == {}
    with pytest.raises(InvalidError, match="tags must be a dict of strings"):
        burrow.App("a", tags={"tier": 1})  # type: ignore[dict-item]


def test_a_terminal_comes_from_another_command() -> None:
    with pytest.raises(InvalidError, match="burrow shell"):
        app.run(interactive=True)


@pytest.mark.parametrize(
    "named",
    [
        lambda name: burrow.Function.from_name("shop", "price", environment_name=name),
        lambda name: burrow.Cls.from_name("shop", "Till", environment_name=name),
        lambda name: burrow.Secret.from_name("hub", environment_name=name),
        lambda name: burrow.Volume.from_name("weights", environment_name=name),
        lambda name: app.run(environment_name=name),
    ],
)
def test_environments_are_workspaces_here(named: Any) -> None:
    named(None)
    with pytest.raises(InvalidError, match="Burrow has no environments.*workspace"):
        named("staging")


def test_exceptions_that_a_map_returns_are_never_wrapped(running: SmallBurrowd) -> None:
    for wrap in (True, False):
        found = list(double.map([1, -1], return_exceptions=True, wrap_returned_exceptions=wrap))
        assert found[0] == 2 and type(found[1]) is ValueError


def test_a_part_of_a_spawned_map_is_read(running: SmallBurrowd) -> None:
    calls = double.spawn_map(range(9))
    assert list(calls.iter(start=2, end=4)) == [4, 6]
    assert list(calls.iter(start=7)) == [14, 16]
    assert list(calls.iter(start=4, end=4)) == []
    assert list(count.spawn(5).iter(start=1, end=3)) == [1, 2]
    with pytest.raises(InvalidError, match="start must be"):
        calls.iter(start=-1)


def test_calls_know_how_many_they_are(running: SmallBurrowd) -> None:
    calls = double.spawn_map(range(4))
    outputs = len(running.called("Calls/Outputs"))
    assert (calls.num_inputs(), pickle.loads(pickle.dumps(calls)).num_inputs()) == (4, 4)
    assert double.spawn(1).num_inputs() == 1
    assert len(running.called("Calls/Outputs")) == outputs
    assert burrow.functions.FunctionCall.from_id(calls.object_id).num_inputs() == 4
    calls.cancel(terminate_containers=True)
    assert running.cancelled[-1] == {"groupId": calls.object_id}


def test_what_runs_has_an_id_and_what_does_not_run_says_so(running: SmallBurrowd) -> None:
    assert double.hydrate() is double and double.object_id == "fn-double"
    assert Shelf.hydrate() is Shelf and Shelf.object_id == "fn-Shelf"
    call = double.spawn(1)
    assert call.hydrate() is call
    idle = burrow.App("idle").function(name="f")(lambda: None)
    with pytest.raises(AppNotRunningError):
        idle.hydrate()


def test_what_is_found_by_name_is_asked_for_when_it_is_hydrated(burrowd: SmallBurrowd) -> None:
    def find(request: Dict[str, Any]) -> Dict[str, Any]:
        if request["function"] != "price":
            raise ConnectFailure("not_found", "there is no function", 404)
        return {"functionId": "fu-1"}

    burrowd.methods["Deployments/FindFunction"] = find
    burrowd.methods["Secrets/List"] = lambda request: {"secrets": [{"name": "hub"}]}
    assert burrow.Function.from_name("shop", "price").hydrate().object_id == "fu-1"
    with pytest.raises(NotFoundError):
        burrow.Function.from_name("shop", "prize").hydrate()
    with pytest.raises(NotFoundError):
        burrow.Cls.from_name("shop", "Till").hydrate()
    burrow.Secret.from_name("hub").hydrate()
    with pytest.raises(NotFoundError, match="no secret pub"):
        burrow.Secret.from_name("pub").hydrate()


def test_what_asks_the_server_has_its_form_for_event_loops(burrowd: SmallBurrowd) -> None:
    burrowd.methods.update(
        {
            "Deployments/Deploy": lambda request: {
                "appId": "ap-2",
                "functionIds": {"double": "fn-double"},
            },
            "Deployments/FindApp": lambda request: {"appId": "ap-2"},
            "Deployments/Stats": lambda request: {"backlog": 3},
            "Deployments/UpdateAutoscaler": lambda request: {},
        }
    )

    async def use() -> List[Any]:
        await app.deploy.aio(name="shelves")
        found = await burrow.App.lookup.aio("shelves")
        stats = await double.get_current_stats.aio()
        await double.update_autoscaler.aio(min_containers=1)
        call = await burrow.FunctionCall.from_id.aio("fc-1")
        return [found.app_id, stats.backlog, call.object_id]

    try:
        assert asyncio.run(use()) == ["ap-2", 3, "fc-1"]
    finally:
        app._deployed, app.app_id = None, ""
    assert burrowd.called("Deployments/UpdateAutoscaler") == [
        {"minContainers": 1, "functionId": "fn-double"}
    ]
