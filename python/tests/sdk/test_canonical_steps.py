"""A step that runs a function is one message wherever, and by whichever process, its recipe is read."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
from test_recipes import step

from burrow import Image, _serialization
from burrow._client import canonical_pickle
from burrow.exception import SerializationError

RECIPE = """\
import abc, enum, json, os.path, typing
import burrow
from burrow._client.digest_cache import DigestCache
from burrow._client.image_steps import compile_steps

WORDS = {"x", "y", "z", "w"}
T = typing.TypeVar("T")

class Colour(enum.Enum):
    RED = "r"
    BLUE = 2

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...

@Shape.register
class Square: pass

@Shape.register
class Circle: pass

class Bag(set): pass

class Point:
    def __init__(self, *names):
        self.names = set(names)
        self.other = None

def look(value: "T"):
    return value in {"one", "two", "three"} or value in WORDS, str(T), str(Square), str(Shape)

def fill(first, *rest, **named):
    def known(one):
        return one in {"p", "q", "r"} or look(one)
    if first == "fail":
        raise ValueError(first)
    same = isinstance(rest[-1], Point) and Colour.RED in rest[0] and issubclass(Square, Shape)
    return [known(one) for one in "p?"], same, os.path.join("a", "b"), json.dumps(sorted(named))

args = (
    {"a", "b", "c", "d"},
    {Colour.RED, Colour.BLUE},
    frozenset([1, "x", b"y", None, (1, "".join(["x"]))]),
    Bag("hello"),
    Point("q", "w", "e"),
)
image = burrow.Image.debian_slim()
image = image.run_function(fill, args=args, kwargs=NAMED, serialized=True)
print(json.dumps(compile_steps(image, DigestCache()).steps))
"""
READS = """\
import base64, json, sys
from burrow._serialization import loads
message = json.load(sys.stdin)["runFunction"]
function = loads(base64.b64decode(message["function"]["pickled"]["inline"]))
args, kwargs = loads(base64.b64decode(message["arguments"]["inline"]))
print(json.dumps(function(*args, **kwargs)))
print([type(one).__name__ for one in args], sorted(args[3]), sorted(args[4].names))
function("fail")
"""


def take(*_: Any) -> None:
    pass


def python(*arguments: str, given: str = "", seed: str = "0") -> "subprocess.CompletedProcess[str]":
    source = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": source, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, input=given, capture_output=True, text=True
    )


def arguments_of(image: Image) -> bytes:
    return base64.b64decode(step(image)["runFunction"]["arguments"]["inline"])


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> "Dict[str, str]":
    """The steps as JSON, by hash seed and directory."""
    pytest.importorskip("cloudpickle")
    found = {}
    for directory, head, named in (
        ("one", "", '{"a": 1, "b": {"u", "v"}}'),
        ("another", "# further down\n\n", '{"b": {"u", "v"}, "a": 1}'),
    ):
        place = tmp_path_factory.mktemp(directory)
        (place / (directory + ".py")).write_text(head + RECIPE.replace("NAMED", named))
        for seed in ("0", "1", "2"):
            done = python(str(place / (directory + ".py")), seed=seed)
            assert done.returncode == 0, done.stderr
            found[directory + seed] = done.stdout
    return found


def test_neither_hashes_nor_places_nor_the_order_of_keywords_make_another_step(
    messages: "Dict[str, str]",
) -> None:
    assert len(messages) == 6
    assert len(set(messages.values())) == 1


def test_what_is_read_back_works_and_its_tracebacks_name_functions(
    messages: "Dict[str, str]",
) -> None:
    fill = json.loads(messages["one0"])[-1]
    done = python("-c", READS, given=json.dumps(fill), seed="3")
    known, *others = json.loads(done.stdout.splitlines()[0])
    assert known[0] is True and known[1][0] is False
    assert others == [True, "a/b", '["a", "b"]']
    assert done.stdout.splitlines()[1] == (
        "['set', 'set', 'frozenset', 'Bag', 'Point'] ['e', 'h', 'l', 'o'] ['e', 'q', 'w']"
    )
    assert "line 5, in fill" in done.stderr and "ValueError: fail" in done.stderr


def test_other_content_makes_another_step() -> None:
    base = Image.debian_slim()
    seen = {
        arguments_of(base.run_function(take, args=[value]))
        for value in ({"a"}, {"a", "b"}, ["a", "b"], ["b", "a"], frozenset("ab"), ("a", "b"))
    }
    assert len(seen) == 6


def test_whether_equal_strings_are_one_object_does_not_matter() -> None:
    word = "a word"
    apart: Any = ["a word", "".join(["a ", "word"]), b"a word"]
    together: Any = [word, word, b"a word"]
    assert canonical_pickle.dump(apart, None) == canonical_pickle.dump(together, None)
    assert pickle.loads(canonical_pickle.dump(apart, None)) == apart


def test_what_is_too_deep_for_the_slow_pickler_travels_all_the_same() -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    assert pickle.loads(canonical_pickle.dump(deep, None)) == deep


def test_an_argument_that_cannot_be_pickled_is_named() -> None:
    image = Image.debian_slim().run_function(take, kwargs={"lock": __import__("threading").Lock()})
    with pytest.raises(SerializationError, match="argument lock of take"):
        step(image)


def test_the_version_of_python_that_wrote_arguments_is_no_part_of_them() -> None:
    image = Image.debian_slim().run_function(take, args=[[1]])
    assert b"burrow:python" not in arguments_of(image)
    assert _serialization.loads(arguments_of(image)) == (([1],), {})
