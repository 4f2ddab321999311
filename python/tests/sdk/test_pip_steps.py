"""Steps that install Python packages, as the server gets them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_recipes import step, steps, write

from burrow import Image
from burrow.exception import InvalidError


def test_pip_install_says_what_it_was_given_and_nothing_else() -> None:
    base = Image.debian_slim()
    assert step(base.pip_install("numpy", ["torch>=2"])) == {
        "pipInstall": {"packages": ["numpy", "torch>=2"]}
    }
    image = base.pip_install(
        "a",
        index_url="https://index.example/simple",
        extra_index_url=["https://one.example", "https://two.example"],
        find_links="/wheels",
        no_index=True,
        pre=True,
        extra_options="--no-deps --config-settings 'a b'",
    )
    assert step(image) == {
        "pipInstall": {
            "packages": ["a"],
            "indexUrl": "https://index.example/simple",
            "extraIndexUrls": ["https://one.example", "https://two.example"],
            "findLinks": "/wheels",
            "noIndex": True,
            "pre": True,
            "extraOptions": ["--no-deps", "--config-settings", "a b"],
        }
    }
    one = base.pip_install("a", extra_index_url="https://one.example", extra_options=["-v"])
    assert step(one)["pipInstall"]["extraIndexUrls"] == ["https://one.example"]
    assert step(one)["pipInstall"]["extraOptions"] == ["-v"]


def test_a_requirements_file_comes_with_the_constraints_that_it_names(tmp_path: Path) -> None:
    texts = {
        "requirements.txt": "numpy\n-c limits/base.txt  # pinned\n--constraint=https://host/c.txt\nsix\n",
        "limits/base.txt": "numpy==1.26\n-c more.txt\n-r listed.txt\n",
        "limits/more.txt": "scipy<2\n",
        "limits/listed.txt": "idna<4\n",
        "other.txt": "-climits/more.txt\nidna\n",
    }
    write(tmp_path, texts)
    main, other = (str(tmp_path / name) for name in ("requirements.txt", "other.txt"))
    constraints = "numpy==1.26\nscipy<2\nidna<4\n"
    image = Image.debian_slim().pip_install_from_requirements(main)
    assert step(image)["pipInstall"] == {
        "requirements": "numpy\n--constraint=https://host/c.txt\nsix\n",
        "constraints": constraints,
    }
    uv = Image.debian_slim().uv_pip_install(requirements=[main, other])
    assert step(uv)["pipInstall"]["constraints"] == constraints + "scipy<2\n"
    (tmp_path / "limits/more.txt").write_text("-e ./here\n")
    with pytest.raises(InvalidError, match="-e ./here"):
        steps(image)


def test_a_requirements_file_comes_with_what_it_includes(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "requirements.txt": "# ours\nnumpy==1.26\n-r more/extra.txt\n",
            "more/extra.txt": "--requirement=last.txt\nscipy",
            "more/last.txt": "six\n",
        },
    )
    image = Image.debian_slim().pip_install_from_requirements(str(tmp_path / "requirements.txt"))
    text = step(image)["pipInstall"]["requirements"]
    assert text == "# ours\nnumpy==1.26\nsix\nscipy\n"
    uv = Image.debian_slim().uv_pip_install("a", requirements=[str(tmp_path / "more/last.txt")])
    assert step(uv) == {"pipInstall": {"packages": ["a"], "requirements": "six\n", "uv": True}}


@pytest.mark.parametrize("line", ["-e .", "--editable=.", "./wheel.whl", "-r r", "-c r"])
def test_a_requirement_that_only_this_machine_has_is_refused(tmp_path: Path, line: str) -> None:
    write(tmp_path, {"r": line + "\n"})
    with pytest.raises(InvalidError, match="/r "):
        steps(Image.debian_slim().pip_install_from_requirements(str(tmp_path / "r")))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reads TOML since 3.11")
def test_a_pyproject_names_packages_and_groups(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[project]\ndependencies = ["numpy>=1"]\n'
        '[project.optional-dependencies]\ntest = ["pytest"]\nother = ["x"]\n'
    )
    base = Image.debian_slim()
    image = base.pip_install_from_pyproject(str(project), optional_dependencies=["test"], pre=True)
    assert step(image) == {"pipInstall": {"packages": ["numpy>=1", "pytest"], "pre": True}}
    with pytest.raises(InvalidError, match="no optional dependencies named 'none'"):
        steps(base.pip_install_from_pyproject(str(project), ["none"]))
    project.write_text("[project")
    with pytest.raises(InvalidError, match="cannot be read as a pyproject.toml"):
        steps(base.pip_install_from_pyproject(str(project)))


def test_a_pyproject_on_an_older_python_is_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: Any = None
    monkeypatch.setitem(sys.modules, "tomllib", hidden)
    with pytest.raises(InvalidError, match="Python 3.11 or newer.*pip_install"):
        steps(Image.debian_slim().pip_install_from_pyproject(str(tmp_path / "pyproject.toml")))
