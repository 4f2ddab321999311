from __future__ import annotations

from typing import List

import pytest

from burrow._client.dockerignore import IgnoreFilter, parse_ignore_file
from burrow.exception import InvalidError

# text of a .dockerignore, what it leaves out, what it keeps
CASES = [
    ("", "", "a .dockerignore"),
    ("# all\n\n   \n", "", "a # all"),
    (" #a", "#a", "a"),
    ("a", "a a/b a/b/c", "b b/a ab"),
    ("/a", "a a/b", "b/a"),
    ("//a", "a a/b", "b/a"),
    ("a/", "a a/b", "b/a"),
    ("./a/../b", "b b/c", "a"),
    ("a//b", "a/b a/b/c", "a b"),
    (".", "", "a .a"),
    ("/", "", "a"),
    ("../a", "", "a"),
    ("  a  \n\tb\t\r\n", "a b", "c"),
    ("\ufeffa", "a", "b"),
    ("a b", "a\\ b", "a b"),
    ("*", "a a/b .a", ""),
    ("*.md", "a.md .md", "d/a.md a.mdx"),
    ("*/*.md", "d/a.md", "a.md d/e/a.md"),
    ("*/temp*", "d/temp d/temporary.txt d/temp/x", "temp d/e/temp"),
    ("temp?", "tempa temp1/x", "temp tempab temp/a"),
    ("a*c", "ac abc abbc", "a/c abcd"),
    ("a*", "a ab ab/c", "b/a"),
    ("**", "a a/b", ""),
    ("**/", "a a/b", ""),
    ("**/*", "a a/b", ""),
    ("**/a", "a b/a b/c/a a/x", "ab ba b/ab"),
    ("**a", "a ba b/ca", "ab"),
    ("**/*.go", "x.go a/x.go a/b/x.go", "x.god go"),
    ("**/a/**", "a/b x/a/b x/a/b/c", "a x/a b"),
    ("a/**", "a/b a/b/c", "a b/a"),
    ("a/**/b", "a/b a/x/b a/x/y/b", "a/bc ab xa/b"),
    ("a/**/*.txt", "a/1.txt a/x/1.txt", "1.txt a/1.txtx"),
    ("a**", "a ab ab/c a/b", "b/a"),
    ("a**b", "ab a/b axx/b", "axb a"),
    ("[a-c]x", "ax bx cx/y", "dx x abx"),
    ("[^a-c]x", "dx", "ax x"),
    ("[^a]x", "bx", "/x ax"),
    ("[a\\-c]", "a - c", "b"),
    ("[\\]]", "]", "a"),
    ("[z-a]x", "", "ax zx"),
    ("\\*", "*", "a"),
    ("\\?\\[", "?[", "a["),
    ("a.b", "a.b", "axb"),
    ("a+(b)|{c}$^", "a+(b)|{c}$^", "a"),
    ("*\n!a", "b", "a a/b"),
    ("*\n!a/b", "a/c a b", "a/b a/b/c"),
    ("*.md\n!README.md", "a.md", "README.md"),
    ("*.md\n!README*.md\nREADME-secret.md", "a.md README-secret.md", "README.md README-x.md"),
    ("*.md\nREADME-secret.md\n!README*.md", "a.md", "README.md README-secret.md"),
    ("!a\na", "a", "b"),
    ("a\n! a", "", "a"),
    ("a\n!/a/b", "a/c", "a/b"),
    ("a\n!a/b\na/b/c", "a a/x a/b/c a/b/c/d", "a/b a/b/d"),
    ("a/b\n!a", "", "a/b a/c"),
    ("**\n!**/*.py", "a a/b.txt", "a.py a/b.py a/b/c.py"),
    ("*\n!*/*.py", "a.py a/b/c.py", "a/b.py"),
    (
        "node_modules\n!node_modules/keep/**",
        "node_modules/x node_modules/keep",
        "node_modules/keep/y",
    ),
    ("é?", "éé", "é éab"),
    ("?.txt", "é.txt", "éé.txt"),
]


@pytest.mark.parametrize("text, ignored, kept", CASES)
def test_a_dockerignore_leaves_out_what_docker_would(text: str, ignored: str, kept: str) -> None:
    patterns = IgnoreFilter(parse_ignore_file(text))
    assert [path for path in _paths(ignored) if not patterns.ignores(path)] == []
    assert [path for path in _paths(kept) if patterns.ignores(path)] == []


def _paths(text: str) -> List[str]:
    return [path.replace("\0", " ") for path in text.replace("\\ ", "\0").split()]


def test_a_name_that_is_not_utf8_is_one_character_a_byte() -> None:
    patterns = IgnoreFilter(["?x", "\udcff"])
    assert patterns.ignores("\udcfex") and patterns.ignores("\udcff")


@pytest.mark.parametrize("text", ["[", "[a", "[]", "[]a]", "[a-", "[-a]", "a\\", "!", "! ", "[^]"])
def test_a_pattern_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="is no pattern"):
        IgnoreFilter(parse_ignore_file(text))


@pytest.mark.parametrize(
    "text, directory, descends",
    [
        ("a", "a", False),
        ("a\n!b", "a", False),
        ("!a/b\na", "a", False),
        ("a\n!a/b", "a", True),
        ("a\n!a/b/c", "a/b", True),
        ("a\n!a/b/c", "a/x", False),
        ("a\n!*/b", "a", True),
        ("a\n!*/b", "a/b", True),
        ("a\n!**/b", "a/x/y", True),
        ("a\n!b/**", "a", False),
        ("*\n!a?/c", "ab", True),
        ("*\n!a?/c", "a", False),
    ],
)
def test_a_directory_is_entered_only_where_something_could_be_kept(
    text: str, directory: str, descends: bool
) -> None:
    patterns = IgnoreFilter(parse_ignore_file(text))
    state, entered, path = 0, True, ""
    for part in directory.split("/"):
        path = path + "/" + part if path else part
        ignored, state = patterns.judge(path, state)
        entered = entered and (not ignored or patterns.may_keep_below(path, state))
    assert entered == descends
