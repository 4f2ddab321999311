from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

import burrow
from burrow.exception import InvalidError

PACKAGE_ROOT = str(Path(burrow.__file__).resolve().parent.parent)


def test_a_call_is_local_unless_it_says_remote() -> None:
    app = burrow.App("a")

    @app.function()
    def double(x: int) -> int:
        """Doubles."""
        return 2 * x

    assert double(2) == double.local(2) == 4
    assert double.__name__ == "double" and double.__doc__ == "Doubles."
    assert app.functions == {"double": double}


@pytest.mark.parametrize(
    "options",
    [
        {"cpu": 0},
        {"cpu": "1"},
        {"memory": 1.5},
        {"memory": 1},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"retries": -1},
        {"retries": "3"},
        {"retries": True},
        {"min_containers": -1},
        {"max_containers": 0},
        {"min_containers": 3, "max_containers": 2},
        {"scaledown_window": 0},
        {"env": {"A": 1}},
        {"env": ["A"]},
        {"image": "debian"},
        {"name": "a b"},
        {"name": ""},
    ],
)
def test_an_option_out_of_range_is_refused(options: Any) -> None:
    app = burrow.App("a")
    if options.get("name") == "":
        options = {"name": "/"}
    with pytest.raises(InvalidError):
        app.function(**options)(lambda: None)


def _as_function(**options: Any) -> Any:
    return burrow.App("a").function(**options)(_one)


def _as_class(**options: Any) -> Any:
    return burrow.App("a").cls(**options)(_Shelf)


def _as_variant(**options: Any) -> Any:
    return _as_function().with_options(**options)


@pytest.mark.parametrize("give", [_as_function, _as_class, _as_variant])
def test_what_is_no_option_is_named_with_one_that_is_near(give: Any) -> None:
    give(region="us-east", cloud="aws", nonpreemptible=True, include_source=False, gpu=None)
    for options, words in (
        ({"gpu": "A100"}, "gpu='A100': this pool has no GPUs"),
        ({"max_container": 3}, "no option max_container: is max_containers meant"),
        ({"concurrency_limit": 3}, "no option concurrency_limit: use max_containers"),
        ({"colour": 3}, "no option colour; these there are: .*cpu.*memory"),
    ):
        with pytest.raises(InvalidError, match=words):
            give(**options)


def test_a_number_of_retries_waits_a_second_before_each() -> None:
    three = burrow.App("a").function(retries=3)(_one).options.retries
    assert repr(three) == (
        "Retries(max_retries=3, initial_delay=1.0, backoff_coefficient=1.0, max_delay=60.0)"
    )
    policy = burrow.Retries(max_retries=2, initial_delay=0)
    assert burrow.App("a").function(retries=policy)(_one).options.retries is policy
    with pytest.raises(TypeError):
        burrow.Retries(3)  # type: ignore[misc]


def test_a_name_belongs_to_one_function() -> None:
    app = burrow.App("a")
    app.function(name="f")(_one)
    with pytest.raises(InvalidError, match="two functions named 'f'"):
        app.function(name="f")(_other)
    app.function(name="f")(_one)  # a module that is executed again


def test_decorators_without_parentheses_are_explained() -> None:
    app = burrow.App("a")
    for decorator in (app.function, app.local_entrypoint):
        with pytest.raises(InvalidError, match="parentheses"):
            decorator(_one)  # type: ignore[operator]


def test_remote_needs_a_running_app(monkeypatch: pytest.MonkeyPatch) -> None:
    function = burrow.App("a").function()(_one)
    with pytest.raises(InvalidError, match="not running: use `burrow run`"):
        function.remote()
    monkeypatch.setenv("BURROW_CONTAINER_ID", "ct-1")
    with pytest.raises(InvalidError, match="runs in a container"):
        function.remote()
    with pytest.raises(InvalidError, match="__main__"):
        function.app.run()


def test_generators_and_functions_are_called_by_their_own_methods() -> None:
    app = burrow.App("a")
    function, generator = app.function()(_one), app.function()(_items)
    with pytest.raises(InvalidError, match="remote_gen"):
        generator.remote()
    with pytest.raises(InvalidError, match="remote_gen"):
        generator.map([1])
    with pytest.raises(InvalidError, match="no generator"):
        function.remote_gen()


def test_a_function_travels_as_what_it_wraps() -> None:
    import pickle

    function = burrow.App("a").function(name="f")(_one)
    again = pickle.loads(pickle.dumps(function))
    assert again.local() == 1 and again.name == "f"


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        burrow.nonsense  # type: ignore[attr-defined]
    assert "App" in dir(burrow)


def test_defining_an_app_loads_little_and_asks_nobody() -> None:
    """What a container does on start: heavy modules and the client must stay out."""
    code = (
        "import sys; before = set(sys.modules); import burrow; app = burrow.App('a');"
        "image = burrow.Image.debian_slim().apt_install('x').add_local_dir('/none', '/d');"
        "f = app.function(image=image, retries=burrow.Retries(max_retries=2), name='f')(lambda x: x);"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": PACKAGE_ROOT, "BURROW_CONTAINER_ID": "ct-1"},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.split()
    small = (b"__future__", b"_functools")  # the latter is part of the interpreter
    assert all(n in small or n.startswith(b"burrow") for n in loaded), loaded
    assert b"burrow.cls" not in loaded
    assert not any(name.startswith(b"burrow._client") for name in loaded)


class _Shelf:
    @burrow.method()
    def room(self) -> int:
        return 1


def _one() -> int:
    return 1


def _other() -> int:
    return 2


def _items() -> Iterator[int]:
    yield 1
