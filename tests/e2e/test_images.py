"""Images are built step by step, each step once."""

from __future__ import annotations

from pathlib import Path

from daemon import Run
from wheels import write_wheel


LAYERS = """
image = (
    burrow.Image.debian_slim()
    .apt_install("figlet")
    .run_commands("echo made > /made", "test -s /made")
    .env({"FROM_IMAGE": "yes"})
    .workdir("/srv")
    .add_local_file("note.txt", "/srv/note.txt")
    .add_local_dir("data", "/srv/data")
)
@app.function(image=image)
def look():
    import os, shutil
    made = open("/made").read().strip()
    note = open("note.txt").read()
    return os.getcwd(), os.environ["FROM_IMAGE"], made, note, os.listdir("data"), bool(
        shutil.which("figlet")
    )
"""


def test_every_kind_of_layer_is_in_the_container_and_the_second_build_is_cached(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "note.txt").write_text("a note")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text("1,2")
    first = run(LAYERS, "print(look.remote())", deadline_s=300)
    assert first.stdout == "('/srv', 'yes', 'made', 'a note', ['x.csv'], True)\n", first.stderr
    second = run(LAYERS, "print(look.remote())", deadline_s=30)
    assert second.stdout == first.stdout
    assert "apt_install" in first.stderr
    assert second.stderr == ""  # nothing was built, so there is nothing to tell


def test_a_changed_local_file_is_seen(run: Run, tmp_path: Path) -> None:
    code = """
    image = burrow.Image.debian_slim().add_local_file("note.txt", "/note")
    @app.function(image=image)
    def read(): return open("/note").read()
    """
    for text in ("one", "two"):
        (tmp_path / "note.txt").write_text(text)
        assert run(code, "print(read.remote())").stdout == text + "\n"


ATTACHED = """
image = (
    burrow.Image.debian_slim()
    .run_commands("mkdir /data", "touch /data/hidden", "cat /proc/sys/kernel/random/uuid > /built")
    .add_local_file("note.txt", "/etc/note.txt", copy=False)
    .add_local_dir("data", "/data", copy=False, ignore=["*.log"])
)
@app.function(image=image)
def look():
    import os
    return open("/built").read(), open("/etc/note.txt").read(), sorted(os.listdir("/data"))
"""


def test_attached_files_change_without_a_build(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("x.csv", "y.log"):
        (tmp_path / "data" / name).write_text("1,2")
    (tmp_path / "note.txt").write_text("one")
    first = run(ATTACHED, "print(look.remote())", deadline_s=300)
    assert first.stdout.endswith(", 'one', ['x.csv'])\n"), first.stderr
    (tmp_path / "note.txt").write_text("two")
    (tmp_path / "data" / "z.csv").write_text("3,4")
    second = run(ATTACHED, "print(look.remote())")
    assert second.stdout == first.stdout.replace("'one', ['x.csv']", "'two', ['x.csv', 'z.csv']")
    assert second.stderr == ""  # every step was cached


def test_a_build_step_behind_attached_files_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("a note")
    ended = run(
        """
        image = burrow.Image.debian_slim().add_local_file("note.txt", "/note", copy=False)
        @app.function(image=image.run_commands("cat /note"))
        def f(): pass
        """,
        "f.remote()",
    )
    assert ended.returncode != 0
    assert "copy=True" in ended.stderr


def test_commands_are_run_by_the_images_shell(run: Run) -> None:
    ended = run(
        """
        shell = ["/usr/bin/python3", "-c"]
        image = burrow.Image.debian_slim().shell(shell).run_commands("open('/made', 'w').write('x y')")
        @app.function(image=image)
        def read(): return open("/made").read()
        """,
        "print(read.remote())",
    )
    assert ended.stdout == "x y\n", ended.stderr


def test_pip_installs_a_wheel_of_this_machine(run: Run, tmp_path: Path) -> None:
    write_wheel(tmp_path / "wheels", "tinypkg")
    ended = run(
        """
        image = burrow.Image.debian_slim().add_local_dir("wheels", "/wheels")
        image = image.pip_install("tinypkg", find_links="/wheels", no_index=True)
        @app.function(image=image)
        def size():
            import tinypkg
            return tinypkg.NAME
        """,
        "print(size.remote())",
        deadline_s=300,
    )
    assert ended.stdout == "tinypkg\n", ended.stderr


def test_a_failing_step_is_shown_with_its_last_lines(run: Run) -> None:
    ended = run(
        """
        image = burrow.Image.debian_slim().run_commands("echo one; echo the reason >&2; exit 7")
        @app.function(image=image)
        def f(): pass
        """,
        "f.remote()",
    )
    assert ended.returncode != 0
    assert "the reason" in ended.stderr
    assert "exit 7" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_package_that_does_not_exist_fails_the_build_by_name(run: Run) -> None:
    ended = run(
        """
        @app.function(image=burrow.Image.debian_slim().apt_install("no-such-package-at-all"))
        def f(): pass
        """,
        "f.remote()",
    )
    assert ended.returncode != 0
    assert "no-such-package-at-all" in ended.stderr


def test_what_a_container_writes_is_gone_in_the_next(run: Run) -> None:
    code = """
    import os
    @app.function(max_containers=1, scaledown_window=1)
    def touch():
        fresh = not os.path.exists("/etc/touched")
        open("/etc/touched", "w").close()
        return fresh
    """
    for _ in range(2):
        assert run(code, "print(touch.remote())").stdout == "True\n"
