# mypy: disable-error-code="call-arg,attr-defined"
"""Classes of an app, as they are declared and called on this machine."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List

import pytest
from small_burrowd import SmallBurrowd

import burrow
from burrow.exception import InvalidError

app = burrow.App("classes")


@app.cls()
class Model:
    size: int = burrow.parameter(default=3)
    key: bytes = burrow.parameter(default=b"")
    loud: bool = burrow.parameter(default=False)
    note: str = burrow.parameter(default="later", init=False)

    @burrow.enter()
    def load(self) -> None:
        self.entered = getattr(self, "entered", 0) + 1

    @burrow.method()
    def scale(self, x: int) -> int:
        return self.size * x

    @burrow.method()
    def both(self, x: int) -> Any:
        return self.scale.local(x), self.scale(x)  # type: ignore[attr-defined]

    @burrow.method()
    def count(self) -> Iterator[int]:
        yield from range(self.size)


@app.cls(max_containers=2)
@burrow.concurrent(max_inputs=10, target_inputs=5)
class Busy:
    @burrow.method()
    def work(self) -> None:
        ...

    @burrow.exit()
    def bye(self) -> None:
        ...


@pytest.fixture
def running(burrowd: SmallBurrowd) -> Iterator[SmallBurrowd]:
    with app.run():
        yield burrowd


def test_methods_run_here_on_an_instance_that_is_entered_once() -> None:
    model = Model(size=4)
    assert model.scale.local(2) == model.scale(2) == 8
    assert model.both.local(2) == (8, 8)
    assert (model.entered, model.note, model.size) == (1, "later", 4)
    assert list(model.count.local()) == [0, 1, 2, 3]
    assert repr(model) == "<burrow.Obj Model(key=b'', loud=False, size=4)>"


def test_methods_are_called_remotely_with_their_parameters(running: SmallBurrowd) -> None:
    assert Model().scale.remote(2) == 6
    big = Model(size=10)
    assert big.scale.remote(2) == 20
    assert list(big.scale.map([1, 2])) == [10, 20]
    assert list(Model(size=2).count.remote_gen()) == [0, 1]
    assert big.scale.spawn(3).get() == 30
    assert list(big.scale.spawn_map([1, 2]).iter()) == [10, 20]
    assert Busy().work.remote() is None


def test_the_same_parameters_are_bound_once(running: SmallBurrowd) -> None:
    for _ in range(3):
        Model(size=5, loud=True, key=b"\xff").scale.remote(1)
    (bind,) = running.called("Apps/Bind")
    assert bind["parameters"] == [
        {"name": "key", "data": "/w=="},
        {"name": "loud", "flag": True},
        {"name": "size", "number": "5"},
    ]
    assert running.called("Calls/Invoke")[0]["input"]["method"] == "scale"


def test_parameters_are_bound_again_after_an_hour_lest_the_server_has_forgotten_them(
    running: SmallBurrowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = 3600.0
    now = 1e9
    monkeypatch.setattr("burrow._client.calls.time.time", lambda: now)
    big = Model(size=5)
    for at, bound in ((0.0, 1), (0.9, 1), (1.1, 2), (2.0, 2), (2.2, 3)):
        now = 1e9 + at * hour
        assert big.scale.remote(1) == 5
        assert len(running.called("Apps/Bind")) == bound


def test_stats_and_the_autoscaler_are_those_of_the_parameters(running: SmallBurrowd) -> None:
    running.methods["Deployments/Stats"] = lambda request: {"backlog": 3, "totalRunners": 2}
    running.methods["Deployments/UpdateAutoscaler"] = lambda request: {}
    big = Model(size=10)
    big.scale.remote(1)
    stats = big.get_current_stats()
    assert (stats.backlog, stats.num_total_runners) == (3, 2)
    big.update_autoscaler(min_containers=1, scaledown_window=2.5)
    Busy().update_autoscaler(max_containers=4)
    called = running.called("Calls/Invoke")[0]["functionId"]
    assert running.called("Deployments/Stats") == [{"functionId": called}]
    assert running.called("Deployments/UpdateAutoscaler") == [
        {"minContainers": 1, "scaledownWindowMs": 2500, "functionId": called},
        {"maxContainers": 4, "functionId": "fn-Busy"},
    ]


def test_the_specification_tells_of_methods_hooks_and_limits(running: SmallBurrowd) -> None:
    specs = {spec["name"]: spec for spec in running.called("Apps/Publish")[0]["functions"]}
    made = specs["Model"]["classSpec"]
    assert made["methods"] == [
        {"name": "scale", "isGenerator": False},
        {"name": "both", "isGenerator": False},
        {"name": "count", "isGenerator": True},
    ]
    assert made["parameters"][0] == {
        "name": "size",
        "type": "PARAMETER_TYPE_NUMBER",
        "default": {"name": "size", "number": "3"},
    }
    assert [one["name"] for one in made["parameters"]] == ["size", "key", "loud"]
    assert made["hasExit"] is False and specs["Busy"]["classSpec"]["hasExit"] is True
    assert (specs["Busy"]["maxInputs"], specs["Busy"]["targetInputs"]) == (10, 5)


def test_parameters_that_do_not_fit_are_refused_at_once() -> None:
    refused: List[Dict[str, Any]] = [
        {"size": "3"},
        {"size": True},
        {"size": 1 << 63},
        {"loud": 1},
        {"key": "text"},
        {"nobody": 1},
        {"note": "x"},
    ]
    for values in refused:
        with pytest.raises(InvalidError):
            Model(**values)
    with pytest.raises(InvalidError, match="by name"):
        Model(3)


def declare(make: "Callable[[], Any]") -> None:
    burrow.App("a").cls()(make())


def with_arguments() -> Any:
    class C:
        def __init__(self, size: int) -> None:
            ...

        @burrow.method()
        def f(self) -> None:
            ...

    return C


def without_methods() -> Any:
    class C:
        def f(self) -> None:
            ...

    return C


def with_a_list() -> Any:
    class C:
        values: list = burrow.parameter()  # type: ignore[type-arg]

        @burrow.method()
        def f(self) -> None:
            ...

    return C


def with_a_bad_default() -> Any:
    class C:
        size: int = burrow.parameter(default="3")

        @burrow.method()
        def f(self) -> None:
            ...

    return C


def with_a_concurrent_method() -> Any:
    class C:
        @burrow.method()
        @burrow.concurrent(max_inputs=2)
        def f(self) -> None:
            ...

    return C


def with_a_batched_method_among_others() -> Any:
    class C:
        @burrow.batched(max_batch_size=2, wait_ms=1)
        def f(self, xs: Any) -> Any:
            ...

        @burrow.method()
        def g(self) -> None:
            ...

    return C


@pytest.mark.parametrize(
    "make, words",
    [
        (with_arguments, "burrow.parameter"),
        (without_methods, "@burrow.method"),
        (with_a_list, "str, int, bool and bytes"),
        (with_a_bad_default, "takes int"),
        (with_a_concurrent_method, "above the class"),
        (with_a_batched_method_among_others, "the only one"),
    ],
)
def test_classes_that_cannot_be_are_refused_in_words(make: Any, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        declare(make)


def test_a_parameter_without_default_must_be_given() -> None:
    @burrow.App("a").cls()
    class Needs:
        name: str = burrow.parameter()

        @burrow.method()
        def f(self) -> str:
            return self.name

    with pytest.raises(InvalidError, match="needs its parameter name"):
        Needs()
    assert Needs(name="x").f.local() == "x"


def test_a_subclass_may_replace_a_method_and_add_hooks() -> None:
    class Base:
        @burrow.method()
        def f(self) -> str:
            return "base"

        @burrow.method()
        def dropped(self) -> None:
            ...

    @burrow.App("a").cls()
    class Derived(Base):
        @burrow.method()
        def f(self) -> str:
            return "derived"

        def dropped(self) -> None:
            ...

    assert list(Derived.parts.methods) == ["f"]
    assert Derived().f.local() == "derived"


def test_decorators_in_the_wrong_place_are_explained() -> None:
    one = burrow.App("a")

    @one.function(name="f")
    def f() -> None:
        ...

    for decorator in (
        burrow.concurrent(max_inputs=2),
        burrow.batched(max_batch_size=2, wait_ms=1),
        burrow.method(),
    ):
        with pytest.raises(InvalidError, match="below @app.function"):
            decorator(f)
    with pytest.raises(InvalidError, match="decorate its class"):
        one.function(name="g")(burrow.method()(lambda self: None))
    for bare in (burrow.method, burrow.enter, burrow.exit):
        with pytest.raises(InvalidError, match="parentheses"):
            bare(lambda self: None)  # type: ignore[operator]
    with pytest.raises(InvalidError, match="classes"):
        one.cls()(lambda: None)  # type: ignore[arg-type]
    with pytest.raises(InvalidError, match="target_inputs"):
        burrow.concurrent(max_inputs=2, target_inputs=3)
    with pytest.raises(InvalidError, match="no option nonsense"):
        one.cls(nonsense=1)


@pytest.mark.parametrize(
    "options",
    [
        {"cpu": (1, 0.5)},
        {"cpu": (1,)},
        {"memory": (512, 100)},
        {"startup_timeout": 0},
        {"buffer_containers": -1},
        {"single_use_containers": 1},
        {"block_network": "yes"},
        {"runtime": "docker"},
        {"is_generator": 1},
    ],
)
def test_options_of_containers_out_of_range_are_refused(options: Any) -> None:
    with pytest.raises(InvalidError):
        burrow.App("a").function(**options)(lambda: None)


def test_calls_at_once_and_batches_exclude_each_other() -> None:
    def f(xs: Any) -> Any:
        ...

    burrow.concurrent(max_inputs=2)(burrow.batched(max_batch_size=2, wait_ms=1)(f))
    with pytest.raises(InvalidError, match="choose one"):
        burrow.App("a").function()(f)

    @burrow.concurrent(max_inputs=2)
    def g() -> None:
        ...

    with pytest.raises(InvalidError, match="one call each"):
        burrow.App("a").function(single_use_containers=True)(g)

    @burrow.batched(max_batch_size=2, wait_ms=1)
    def h(xs: Any) -> Any:
        yield from xs

    with pytest.raises(InvalidError, match="return a list"):
        burrow.App("a").function()(h)
