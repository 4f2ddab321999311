"""The shape of the tree: dependencies point downward, files are small, each module explains itself."""

import subprocess
from pathlib import Path

import pytest

from layout import (
    MODULES,
    PROTO,
    Module,
    declared_modules,
    has_its_header,
    includes_beast,
    is_internal,
    is_test,
    may_use,
    modules,
    owners_of_internal_headers,
)

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
MAX_LINES = 400
SIZED = {"src": (".h", ".cc", ".txt"), "python": (".py",)}

# Put together here, so that this file holds none of them.
FORBIDDEN = [
    "".join(parts)
    for parts in (
        ("/wo", "rk/"),
        ("/tmp", "/w/"),
        ("/tmp", "/wt/"),
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("npm", "js.org"),
        ("deb.", "debian.org"),
        ("proxy.", "golang.org"),
        ("crates", ".io"),
        ("docker", ".io"),
    )
]


def name_of(module: Module) -> str:
    return module.name


each_module = pytest.mark.parametrize("module", modules(SOURCE), ids=name_of)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked_files() -> "list[Path]":
    """Files under version control."""
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is no git checkout: " + done.stderr.decode().strip())
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


@each_module
def test_a_module_is_one_that_the_order_knows(module: Module) -> None:
    assert module.name in (*MODULES, PROTO)


@each_module
def test_includes_point_downward(module: Module) -> None:
    upward = [
        "%s includes %s" % (relative(path), used)
        for tests in (False, True)
        for used, path in module.uses(tests).items()
        if not may_use(module.name, used)
    ]
    assert upward == []


@each_module
def test_cmake_links_what_is_included_and_nothing_else(module: Module) -> None:
    if module.name == PROTO or not any(path.suffix == ".cc" for path in module.sources()):
        pytest.skip("the module has no code of its own")
    library, tests = module.uses(tests=False), module.uses(tests=True)
    assert set(library) - module.declared == set(), "included but not in DEPS"
    assert module.declared - set(library) == set(), "in DEPS but not included"
    linked = module.declared | module.declared_for_tests
    assert set(tests) - linked == set(), "included by tests but in neither DEPS nor TEST_DEPS"


@each_module
def test_a_module_has_its_readme_and_its_build_file(module: Module) -> None:
    missing = [n for n in ("README.md", "CMakeLists.txt") if not (module.directory / n).is_file()]
    assert missing == []


@each_module
def test_headers_do_not_include_beast(module: Module) -> None:
    headers = [path for path in module.sources() if path.suffix == ".h" and not is_internal(path)]
    assert [relative(path) for path in headers if includes_beast(path)] == []


@each_module
def test_internal_headers_are_included_by_sources_of_their_module_alone(module: Module) -> None:
    for path in module.sources():
        owners = owners_of_internal_headers(path)
        assert owners <= {module.name}, relative(path)
        assert not owners or path.suffix == ".cc", relative(path)


@each_module
def test_code_has_a_header_beside_it(module: Module) -> None:
    code = [
        p for p in module.sources() if p.suffix == ".cc" and not is_test(p) and p.stem != "main"
    ]
    assert [relative(path) for path in code if not has_its_header(path)] == []


@pytest.mark.parametrize("folder", SIZED)
def test_files_are_small(folder: str) -> None:
    long = {}
    for path in sorted((ROOT / folder).rglob("*")):
        if path.is_file() and path.suffix in SIZED[folder]:
            lines = path.read_text(encoding="utf-8").count("\n")
            if lines > MAX_LINES:
                long[relative(path)] = lines
    assert long == {}


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    found = []
    for path in tracked_files():
        if path.is_file() and not path.is_symlink():
            text = path.read_bytes()
            found += ["%s: %s" % (relative(path), w) for w in FORBIDDEN if w.encode() in text]
    assert found == []


# The checks themselves, on small trees that are wrong.


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "user, used, allowed",
    [
        ("control", "store", True),
        ("cmd", "base", True),
        ("cas", "net", True),
        ("link", PROTO, True),
        ("store", "control", False),
        ("net", "cas", False),
        ("control", "worker", False),
        ("os", PROTO, False),
        ("scheduler", "os", False),
        ("base", "somewhere", False),
    ],
)
def test_the_order_allows_lower_rows_only(user: str, used: str, allowed: bool) -> None:
    assert may_use(user, used) is allowed


def test_includes_are_told_apart_for_library_and_tests(tmp_path: Path) -> None:
    write(tmp_path / "os/fs.h", '#include <vector>\n#include "base/error.h"\n')
    write(tmp_path / "os/fs.cc", '#include "os/fs.h"\n  #  include "burrow/v1/apps.pb.h"\n')
    write(tmp_path / "os/fs_test.cc", '#include "net/http_client.h"\n')
    write(
        tmp_path / "os/CMakeLists.txt", "burrow_module(os DEPS burrow_base\n TEST_DEPS burrow_net)"
    )
    (module,) = modules(tmp_path)
    assert set(module.uses(tests=False)) == {"base", PROTO}
    assert set(module.uses(tests=True)) == {"net"}
    assert (module.declared, module.declared_for_tests) == ({"base"}, {"net"})


def test_dependencies_are_read_from_any_kind_of_build_file() -> None:
    lists = (
        "# burrow_cas\nadd_executable(d main.cc)\ntarget_link_libraries(d burrow_os burrow_options)"
    )
    assert declared_modules(lists) == ({"os"}, set())


def test_beast_and_lonely_code_are_noticed(tmp_path: Path) -> None:
    write(tmp_path / "net/server.h", "#include <boost/beast/http.hpp>\n")
    lonely = write(tmp_path / "net/lonely.cc", '#include "base/error.h"\n')
    part = write(tmp_path / "net/part_of_server.cc", '#include "net/server.h"\n')
    assert includes_beast(tmp_path / "net/server.h")
    assert not has_its_header(lonely)
    assert has_its_header(part)
