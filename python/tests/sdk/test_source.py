from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from burrow._client.digest_cache import DigestCache
from burrow._client.modules import home_of_file
from burrow._client.source import collect_source
from burrow.app import App
from burrow.cli.load_app import import_file
from burrow.exception import InvalidError

APP = "import burrow\napp = burrow.App('a')\n@app.function()\ndef f():\n    %s\n"


@pytest.fixture(autouse=True)
def clean_modules() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(root: Path, files: Dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def collect(path: Path) -> List[str]:
    app = import_file(str(path)).app
    assert isinstance(app, App)
    return [file.path for file in collect_source(app.functions.values(), DigestCache())]


def test_a_single_file_brings_what_it_imports(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "main_a.py": "import helper_a, json\n" + APP % "pass",
            "helper_a.py": "import plain_a.deep\n",
            "plain_a/deep.py": "",
            "unrelated.py": "",
            "notes.txt": "",
        },
    )
    assert collect(tmp_path / "main_a.py") == ["helper_a.py", "main_a.py", "plain_a/deep.py"]


def test_an_import_inside_a_function_counts(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "main_b.py": APP % "from late_b import x, y",
            "late_b.py": "def g():\n    import later_b as z, os",
            "later_b.py": "",
        },
    )
    assert collect(tmp_path / "main_b.py") == ["late_b.py", "later_b.py", "main_b.py"]


def test_a_package_comes_whole_without_what_is_no_source(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pack_c/__init__.py": "",
            "pack_c/sub/__init__.py": "",
            "pack_c/sub/main.py": APP % "pass",
            "pack_c/data.json": "{}",
            "pack_c/__pycache__/x.pyc": "",
            "pack_c/.venv/lib/y.py": "",
            "pack_c/.git/config": "",
            "outside.py": "",
        },
    )
    home = home_of_file(str(tmp_path / "pack_c/sub/main.py"))
    assert (home.name, home.root) == ("pack_c.sub.main", str(tmp_path))
    assert collect(tmp_path / "pack_c/sub/main.py") == [
        "pack_c/__init__.py",
        "pack_c/data.json",
        "pack_c/sub/__init__.py",
        "pack_c/sub/main.py",
    ]


def test_environments_below_the_script_stay_here(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "main_d.py": "import sys; sys.path.append(%r)\nimport lib_d\n"
            % str(tmp_path / ".venv/lib")
            + APP % "pass",
            ".venv/lib/lib_d.py": "",
        },
    )
    assert collect(tmp_path / "main_d.py") == ["main_d.py"]


def test_an_edit_within_the_same_second_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "main_e.py"
    for value in "12":
        path.write_text("VALUE = %s\n" % value)
        assert import_file(str(path)).VALUE == int(value)
        del sys.modules["main_e"]


@pytest.mark.parametrize("name", ["json.py", "sys.py", "a.b.py"])
def test_names_that_cannot_be_imported_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: ""})
    with pytest.raises(InvalidError, match="rename it"):
        import_file(str(tmp_path / name))


def test_too_much_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burrow._client.source.MAX_SOURCE", 1000)
    write(tmp_path, {"main_f.py": APP % "pass" + "#" * 1000})
    with pytest.raises(InvalidError, match="limit"):
        collect(tmp_path / "main_f.py")
