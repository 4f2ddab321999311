"""Each case of the corpus, built by Burrow and compared file by file."""

from __future__ import annotations

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Iterator

import pytest

from buildah import Buildah
from burrow_builds import BurrowBuilds
from cases import Case, all_cases
from comparison import differences, explained_keys
from expectation import expected, without_unchecked_times
from file_server import FileServer
from trees import Built, Entry, without_times_of_directories

CASES = all_cases()
COMPARED = [case for case in CASES if not case.not_buildah]
WRITTEN_DOWN = [case for case in CASES if case.not_buildah]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "dockerfile.md"


def named(case: Case) -> str:
    return case.name


Wanted = Callable[[Case], Built]


@pytest.fixture(scope="session")
def wanted_of(
    request: pytest.FixtureRequest,
    buildah: Buildah,
    file_server: FileServer,
    agent: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Wanted]:
    """What buildah makes of a case. It works ahead beside Burrow, one case after another."""
    arguments = {"FILES": file_server.url}

    def build(case: Case) -> Built:
        return built_by_buildah(
            case, buildah, tmp_path_factory.mktemp(case.name), arguments, agent
        )

    chosen = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    cases = [params["case"] for params in chosen if params.get("case") in COMPARED]
    with ThreadPoolExecutor(1) as pool:
        ahead = {case.name: pool.submit(build, case) for case in cases}
        yield lambda case: ahead[case.name].result()
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", COMPARED, ids=named)
def test_burrow_builds_what_buildah_builds(
    case: Case,
    wanted_of: Wanted,
    builds: BurrowBuilds,
    file_server: FileServer,
    agent: str,
    tmp_path: Path,
) -> None:
    found = builds.build_case(case, tmp_path, {"FILES": file_server.url}, agent)
    assert differences(wanted_of(case), found, case) == []


@pytest.mark.parametrize("case", WRITTEN_DOWN, ids=named)
def test_burrow_builds_what_is_documented(
    case: Case,
    base: Built,
    builds: BurrowBuilds,
    file_server: FileServer,
    agent: str,
    tmp_path: Path,
) -> None:
    wanted = expected((case.directory / "expect").read_text(encoding="utf-8"), base)
    wanted.tree = without_times_of_directories(wanted.tree)
    found = builds.build_case(case, tmp_path, {"FILES": file_server.url}, agent)
    wanted.config["history"] = found.config["history"]  # nobody counts on instructions there
    found.tree = without_unchecked_times(without_times_of_directories(found.tree), wanted.tree)
    assert differences(wanted, found, case) == []


def built_by_buildah(
    case: Case, buildah: Buildah, directory: Path, arguments: "dict[str, str]", agent: str
) -> Built:
    """From the last run where the case is the same."""
    kept = os.environ.get("BURROW_TEST_STATE")
    if not kept:
        return buildah.build(case, directory, arguments, agent)
    file = Path(kept) / "buildah" / (case.name + ".json")
    key = fingerprint(case)
    if file.exists():
        said = json.loads(file.read_text(encoding="utf-8"))
        if said["key"] == key:
            return Built(said["tree"], said["config"])
    built = buildah.build(case, directory, arguments, agent)
    file.parent.mkdir(parents=True, exist_ok=True)
    document = {"key": key, "tree": built.tree, "config": built.config}
    file.write_text(json.dumps(document), encoding="utf-8")
    return built


def fingerprint(case: Case) -> str:
    """Of the case and of the code that builds it."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    files = [path for path in case.directory.rglob("*") if path.is_file()]
    files += [here / name for name in ("base_image.py", "buildah.py", "cases.py", "trees.py")]
    for path in sorted(files):
        digest.update(b"%s\0%s\0" % (os.fsencode(path.relative_to(here)), path.read_bytes()))
    return digest.hexdigest()


def test_the_corpus_is_large_and_whole() -> None:
    assert len(CASES) >= 60
    assert len(COMPARED) >= 60
    for case in CASES:
        assert case.covers, case.name
        assert (case.directory / "expect").exists() == bool(case.not_buildah), case.name


def test_each_explained_difference_is_in_the_document_and_each_row_has_a_case() -> None:
    section = DOCUMENT.read_text(encoding="utf-8").partition("## Differences from buildah")[2]
    rows = re.findall(r"^\| `([a-z-]+)` \|", section.partition("\n## ")[0], re.MULTILINE)
    assert sorted(rows) == sorted(explained_keys(CASES))


def test_a_difference_is_found_and_an_explanation_must_be_true() -> None:
    file: Entry = {"type": "f", "mode": "0644", "owner": "0:0", "time": 1, "content": "a"}
    one, other = Built({"/a": file}), Built({"/a": {**file, "content": "b"}, "/b": file})
    plain = Case("plain", "nothing")
    assert differences(one, other, plain) == ["/a content is 'b', not 'a'", "unexpected: /b"]
    assert differences(Built({}, {"User": "x"}), Built({}), plain) == [
        "config.User is None, not 'x'"
    ]
    (compared,) = [case for case in CASES if case.name == "mount_bind_rw"]
    untrue: "dict[str, Entry]" = {"/two": {**file, "content": "changed"}}
    assert differences(Built(untrue), Built(untrue), compared) != []
