"""What counts as a finding, and when a source is checked again."""

import json
from pathlib import Path

import pytest

import clang_tidy

OURS = "%s/src/net/event.cc:3:1: error: a finding [bugprone-x]" % clang_tidy.ROOT
NOTE = "%s/src/net/event.cc:9:1: note: because of this" % clang_tidy.ROOT
BOOST = (
    "/usr/include/boost/a.hpp:1:1: error: called pointer is uninitialized [clang-analyzer-core.X]"
)
BROKEN = (
    "/usr/include/boost/a.hpp:1:1: fatal error: 'b.hpp' file not found [clang-diagnostic-error]"
)


def test_a_finding_keeps_its_notes() -> None:
    text = "\n".join([OURS, NOTE, "    3 | code"])
    assert list(clang_tidy.findings(text)) == [text]


def test_the_analyzer_counts_in_our_code_alone() -> None:
    assert list(clang_tidy.findings("\n".join([BOOST, NOTE, OURS]))) == [OURS]
    ours = OURS.replace("bugprone-x", "clang-analyzer-core.X")
    assert list(clang_tidy.findings(ours)) == [ours]


def test_what_does_not_compile_counts_wherever_it_is() -> None:
    assert list(clang_tidy.findings(BROKEN)) == [BROKEN]


@pytest.mark.parametrize("change", ["arguments", "checks", "files", "nothing"])
def test_a_clean_source_is_checked_again_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(clang_tidy, "checks", lambda: "v1")
    source = tmp_path / "a.cc"
    source.write_text("int a;")
    known = {
        "arguments": ["clang", "-O2"],
        "checks": "v1",
        "files": {str(source): clang_tidy.digest_of(str(source))},
    }
    if change == "files":
        source.write_text("int b;")
        clang_tidy.digest_of.cache_clear()
    elif change != "nothing":
        known[change] = "other"
    record = tmp_path / "record.json"
    record.write_text(json.dumps(known))
    assert clang_tidy.is_clean(record, ["clang", "-O2"]) is (change == "nothing")


def test_a_source_without_a_record_is_not_clean(tmp_path: Path) -> None:
    assert not clang_tidy.is_clean(tmp_path / "none.json", [])


def test_a_unit_is_of_all_the_sources_that_it_includes(tmp_path: Path) -> None:
    file = tmp_path / "Unity" / "unity_0_cxx.cxx"
    file.parent.mkdir()
    both = ["src/net/event.cc", "src/net/http_client.cc"]
    file.write_text("".join('#include "%s/%s"\n' % (clang_tidy.ROOT, name) for name in both))
    command = "ccache clang++ -O2 -o a.o -c %s" % file
    unit = clang_tidy.Unit({"directory": str(tmp_path), "file": str(file), "command": command})
    assert unit.parts == both
    assert unit.name == "src/net/http_client.cc"
    assert unit.arguments[0] == "clang++"
