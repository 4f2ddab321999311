"""`burrow system gc` takes what nothing needs any more, and no byte of what is left."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Iterator

import pytest

from cold_reads import Contents, make_tree, read_cold
from conftest import require
from images import import_image, index_of
from processes import Control, sha256

SMALL, LARGE = 3_000, 300_000  # in a pack with others, and by itself


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Control]:
    """A control that keeps nothing for its last use."""
    control = Control(tmp_path, "--blob-grace", "0s")
    control.start()
    yield control
    control.stop()


def of_random(prefix: str) -> Contents:
    contents = {"%s-%d" % (prefix, number): os.urandom(SMALL) for number in range(40)}
    contents["%s-large" % prefix] = os.urandom(LARGE)
    return contents


def has_blob(control: Control, content: bytes) -> bool:
    """By a GET, which is no use that would keep it."""
    headers = {"Authorization": "Bearer " + control.client_token}
    request = urllib.request.Request(control.url + "/blobs/" + sha256(content), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bool(answer.read() == content)
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return False


def collected(control: Control, *options: str) -> int:
    """How many blobs went, or would go."""
    done = control.burrow("system", "gc", *options)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[0])


def test_what_images_share_outlives_the_removal_of_one_of_them(
    forgetful: Control, tmp_path: Path, tier: str
) -> None:
    require(tier)
    shared, first, second = of_random("shared"), of_random("first"), of_random("second")
    removed = import_image(forgetful, make_tree(tmp_path / "a", {**shared, **first}))
    kept = import_image(forgetful, make_tree(tmp_path / "b", {**shared, **second}))
    collected(forgetful)  # what imports leave behind, but no content
    assert all(has_blob(forgetful, content) for content in first.values())
    assert forgetful.burrow("image", "rm", removed).returncode == 0
    would = collected(forgetful, "--dry-run")
    assert would == len(first) + 1, "the contents of the first alone, and its index"
    assert collected(forgetful) == would
    assert collected(forgetful) == 0
    assert not any(has_blob(forgetful, content) for content in first.values())
    read_cold(forgetful, index_of(forgetful, kept), tmp_path / "kept", tier, {**shared, **second})


def test_an_image_whose_layers_were_collected_comes_in_again(
    forgetful: Control, tmp_path: Path, tier: str
) -> None:
    require(tier)
    contents = of_random("again")
    tree = make_tree(tmp_path / "tree", contents)
    image = import_image(forgetful, tree)
    assert forgetful.burrow("image", "rm", image).returncode == 0
    assert collected(forgetful) > len(contents)
    assert import_image(forgetful, tree) == image
    read_cold(forgetful, index_of(forgetful, image), tmp_path / "mount", tier, contents)


def test_nothing_goes_before_its_time_of_grace(control: Control, tmp_path: Path) -> None:
    contents = of_random("graced")
    image = import_image(control, make_tree(tmp_path / "tree", contents))
    assert control.burrow("image", "rm", image).returncode == 0
    done = control.burrow("system", "gc")
    assert re.match(r"0 blobs, .* were removed\n", done.stdout), done.stdout + done.stderr
    assert all(has_blob(control, content) for content in contents.values())
