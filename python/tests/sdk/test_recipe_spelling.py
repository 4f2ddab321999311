"""Several ways to write one step lead to one message."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_recipes import compiled, step, steps, write

from burrow import Image
from burrow.exception import InvalidError

BASE = Image.debian_slim()


def test_the_context_of_a_dockerfile_has_two_names_and_a_place(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "FROM scratch\nARG A\nCOPY . /\n", "src/a": "1"})
    path, context = str(tmp_path / "Dockerfile"), str(tmp_path / "src")
    images = [
        Image.from_dockerfile(path, context, {"A": "1"}),
        Image.from_dockerfile(path, context=context, build_args={"A": "1"}),
        Image.from_dockerfile(path, context_dir=context, build_args={"A": "1"}),
    ]
    assert images[0] == images[1] == images[2]
    assert [file.path for file in compiled(images[0]).files] == ["a"]
    with pytest.raises(InvalidError, match="context and context_dir are two names"):
        Image.from_dockerfile(path, context, context_dir=context)


def test_requirements_may_stand_beside_packages(tmp_path: Path) -> None:
    write(tmp_path, {"r.txt": "six==1.16\n", "more.txt": "attrs\n"})
    one, more = str(tmp_path / "r.txt"), str(tmp_path / "more.txt")
    alone = BASE.pip_install(requirements=one, pre=True)
    assert steps(alone) == steps(BASE.pip_install_from_requirements(one, pre=True))
    both = BASE.pip_install("numpy", requirements=[one, more])
    assert step(both) == {
        "pipInstall": {"packages": ["numpy"], "requirements": "six==1.16\nattrs\n"}
    }


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reads TOML since 3.11")
def test_a_project_may_stand_beside_packages(tmp_path: Path) -> None:
    write(tmp_path, {"p.toml": '[project]\ndependencies = ["scipy"]\n', "r.txt": "six\n"})
    project = str(tmp_path / "p.toml")
    alone = BASE.pip_install(pyproject=project)
    assert steps(alone) == steps(BASE.pip_install_from_pyproject(project))
    all_three = BASE.pip_install(
        "numpy", requirements=str(tmp_path / "r.txt"), pyproject=project, no_index=True
    )
    assert step(all_three) == {
        "pipInstall": {"packages": ["numpy", "scipy"], "requirements": "six\n", "noIndex": True}
    }


def test_a_file_that_cannot_be_read_is_told_when_the_recipe_is_read(tmp_path: Path) -> None:
    for image in (
        BASE.pip_install("a", requirements=str(tmp_path / "none")),
        BASE.pip_install("a", pyproject=str(tmp_path / "none")),
    ):
        with pytest.raises(InvalidError):
            steps(image)
    with pytest.raises(InvalidError, match="at least one package"):
        BASE.pip_install(requirements=[])
