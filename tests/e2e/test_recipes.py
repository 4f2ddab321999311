"""Ways to make an image that need more than a base and a command: Dockerfiles, local modules, functions, own starts."""

from __future__ import annotations

import sys
from pathlib import Path

from daemon import Daemon, Run
from wheels import write_index, write_wheel


def test_a_dockerfile_of_this_machine_with_arguments_a_context_and_a_target(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/kept").write_text("of the context")
    (tmp_path / "files/left.log").write_text("left out")
    (tmp_path / "files/.dockerignore").write_text("*.log\n")
    (tmp_path / "recipe.Dockerfile").write_text(
        "FROM debian_slim AS wanted\nARG WORD=none\nENV WORD=$WORD\nWORKDIR /srv\nCOPY . .\n"
        "FROM scratch\nRUN never\n"
    )
    ended = run(
        """
        image = burrow.Image.from_dockerfile(
            "recipe.Dockerfile", context_dir="files", build_args={"WORD": "given"}, target="wanted"
        ).dockerfile_commands("RUN echo line > /line", "ENV LAST=1")
        @app.function(image=image)
        def look():
            import os
            return os.environ["WORD"], os.environ["LAST"], os.getcwd(), sorted(os.listdir()), open("/line").read()
        """,
        "print(look.remote())",
    )
    assert (
        ended.stdout == "('given', '1', '/srv', ['.dockerignore', 'kept'], 'line\\n')\n"
    ), ended.stderr


def test_local_modules_are_importable_whether_they_are_baked_or_attached(
    run: Run, tmp_path: Path
) -> None:
    package = tmp_path / "pkg_of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import WORD\n")
    (package / "inner.py").write_text("WORD = 'baked'\n")
    (tmp_path / "single_module.py").write_text("WORD = 'attached'\n")
    ended = run(
        """
        image = (
            burrow.Image.debian_slim()
            .add_local_python_source("pkg_of_mine", copy=True)
            .run_commands("cd /tmp && python3 -c 'import pkg_of_mine; print(pkg_of_mine.WORD)' > /seen")
            .add_local_python_source("single_module")
        )
        @app.function(image=image)
        def look():
            import pkg_of_mine, single_module
            return open("/seen").read().strip(), pkg_of_mine.WORD, single_module.WORD
        """,
        "print(look.remote())",
    )
    assert ended.stdout == "('baked', 'baked', 'attached')\n", ended.stderr


def test_a_function_fills_the_image_with_secrets_that_stay_out_of_it(
    run: Run, tmp_path: Path
) -> None:
    ended = run(
        """
        import os
        def fill(name, times=1):
            with open("/filled", "w") as file:
                file.write("%s %s" % (name * times, len(os.environ["HUB_TOKEN"])))
        image = burrow.Image.debian_slim().run_function(
            fill, args=("ab",), kwargs={"times": 2}, secrets=[burrow.Secret.from_dict({"HUB_TOKEN": "0123456789"})]
        )
        @app.function(image=image)
        def look():
            return open("/filled").read(), os.environ.get("HUB_TOKEN")
        """,
        "print(look.remote())",
    )
    assert ended.stdout == "('abab 10', None)\n", ended.stderr


def test_a_function_that_takes_longer_than_its_timeout_is_ended(run: Run) -> None:
    ended = run(
        """
        def linger():
            import time
            time.sleep(600)
        image = burrow.Image.debian_slim().run_function(linger, timeout=1)
        @app.function(image=image)
        def never():
            pass
        """,
        "never.remote()",
    )
    assert ended.returncode == 1
    said = "the function did not end within 1 s: raise the timeout of run_function"
    assert said in ended.stderr, ended.stderr


def test_steps_see_stored_secrets_that_no_image_holds(run: Run, daemon: Daemon) -> None:
    daemon.burrow("secret", "create", "e2e-build", "BUILD_TOKEN=first\nsecond")
    try:
        ended = run(
            """
            import os
            def fill():
                with open("/filled", "a") as file:
                    file.write(repr(os.environ["BUILD_TOKEN"][::-1]))
            image = (
                burrow.Image.debian_slim()
                .run_commands(
                    'printf "%s %s" "$BUILD_TOKEN" "$OWN" | wc -c > /filled; echo "$BUILD_TOKEN"',
                    secrets=[burrow.Secret.from_name("e2e-build")], env={"OWN": "1"},
                )
                .dockerfile_commands("RUN echo ${#BUILD_TOKEN} >> /filled", secrets=[burrow.Secret.from_name("e2e-build")])
                .run_function(fill, secrets=[burrow.Secret.from_name("e2e-build")])
            )
            @app.function(image=image)
            def look():
                return open("/filled").read(), os.environ.get("BUILD_TOKEN"), os.environ.get("OWN")
            """,
            "print(look.remote())",
        )
    finally:
        daemon.burrow("secret", "delete", "e2e-build")
    seen = "14\n12\n" + repr("dnoces\ntsrif")
    assert ended.stdout == "%r\n" % ((seen, None, None),), ended.stderr
    assert "second" not in ended.stderr


def test_an_entrypoint_a_command_and_a_user_are_the_images_and_not_the_functions(
    run: Run, tmp_path: Path
) -> None:
    ended = run(
        """
        image = (
            burrow.Image.debian_slim()
            .run_commands("useradd -m worker")
            .entrypoint(["/usr/bin/env", "ENTERED=1"])
            .cmd(["sh", "-c", "exit 3"])
            .user("worker")
        )
        @app.function(image=image)
        def look():
            import getpass, os
            return getpass.getuser(), os.environ.get("ENTERED")
        """,
        "print(look.remote())",
    )
    assert ended.stdout == "('root', None)\n", ended.stderr


def test_packages_are_installed_from_the_indexes_that_a_step_names(
    run: Run, tmp_path: Path
) -> None:
    write_index(tmp_path / "indexes/main", "in_main")
    write_index(tmp_path / "indexes/extra", "in_extra")
    ended = run(
        """
        image = (
            burrow.Image.debian_slim()
            .add_local_dir("indexes", "/indexes", copy=True)
            .pip_install(
                "in_main", "in_extra", index_url="file:///indexes/main", extra_index_url="file:///indexes/extra"
            )
        )
        @app.function(image=image)
        def look():
            import in_extra, in_main
            return in_extra.NAME, in_main.NAME
        """,
        "print(look.remote())",
        deadline_s=300,
    )
    assert ended.stdout == "('in_extra', 'in_main')\n", ended.stderr


def test_python_is_added_by_apt_where_the_image_has_none(run: Run, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM debian_slim\n"
        "RUN dpkg --purge --force-depends $(dpkg-query -W -f '${Package} ' '*python3*') && ! python3 -V\n"
    )
    version = "%d.%d" % sys.version_info[:2]  # of the machine's release, which the image's is, too
    ended = run(
        """
        @app.function(image=burrow.Image.from_dockerfile("Dockerfile", add_python="VERSION"))
        def look():
            import ssl, sys
            return "%d.%d" % sys.version_info[:2]
        """.replace(
            "VERSION", version
        ),
        "print(look.remote())",
        deadline_s=300,
    )
    assert ended.stdout == version + "\n", ended.stderr


def test_requirements_and_projects_are_installed_from_files_of_this_machine(
    run: Run, tmp_path: Path
) -> None:
    for name in ("in_requirements", "in_project"):
        write_wheel(tmp_path / "wheels", name)
        write_wheel(tmp_path / "wheels", name, "2.0")
    (tmp_path / "requirements.txt").write_text("in_requirements  # a comment\n-c limits.txt\n")
    (tmp_path / "limits.txt").write_text("in_requirements<2\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "0"\ndependencies = ["in_project"]\n'
    )
    ended = run(
        """
        wheels = dict(find_links="/wheels", no_index=True)
        image = (
            burrow.Image.debian_slim()
            .add_local_dir("wheels", "/wheels", copy=True)
            .pip_install_from_requirements("requirements.txt", **wheels)
            .pip_install_from_pyproject("pyproject.toml", **wheels)
        )
        @app.function(image=image)
        def look():
            import in_project, in_requirements
            return in_project.NAME, in_project.VERSION, in_requirements.NAME, in_requirements.VERSION
        """,
        "print(look.remote())",
        deadline_s=300,
    )
    assert ended.stdout == "('in_project', '2.0', 'in_requirements', '1.0')\n", ended.stderr
