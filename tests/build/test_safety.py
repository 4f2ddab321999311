"""A build cannot read or write outside of its context and its root filesystem.

Each test builds what tries to; a tree outside must be as it was, and no image may have its content. A build may fail or
may do the harmless thing inside; where it must fail, the test says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Iterator

import pytest

from base_image import BUSYBOX
from burrow_builds import BurrowBuilds
from sentinel import TEXT, Sentinel
from trees import Built

Write = Callable[..., Path]


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Sentinel]:
    sentinel = Sentinel(tmp_path / "outside")
    yield sentinel
    sentinel.check()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a context and gives its directory."""

    def write(dockerfile: str, **files: str) -> Path:
        context = tmp_path / "context"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(dockerfile)
        (context / "a.txt").write_text("a\n")
        for name, text in files.items():
            (context / name).write_text(text)
        return context

    return write


def image_of(builds: BurrowBuilds, context: Path, sentinel: Sentinel) -> "Built | None":
    """Builds; gives the image unless the build was refused. Neither it nor what is said leaks."""
    done = builds.run("build", str(context))
    assert done.returncode in (0, 1), done.stderr
    assert TEXT not in done.stdout + done.stderr
    if done.returncode:
        assert "Traceback" not in done.stderr and "internal" not in done.stderr.lower(), done.stderr
        return None
    directory = context.parent / "exported"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    built = builds.exported(done.stdout.splitlines()[-1], directory)
    sentinel.check_image(built)
    return built


@pytest.mark.parametrize(
    "source",
    ["to-file", "to-dir", "to-dir/secret.txt", "to-dir/sub", "up", "up/secret.txt", "chain", "to-*"]
    + ["../outside/secret.txt", "{outside}/secret.txt", "sub/../../outside/secret.txt"],
)
@pytest.mark.parametrize("how", ["COPY", "ADD", "COPY --parents"])
def test_a_source_outside_of_the_context_is_not_there(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write, source: str, how: str
) -> None:
    context = write("FROM burrow-base\n%s %s /taken/\n" % (how, source.format(outside=sentinel)))
    (context / "sub").mkdir()
    os.symlink(sentinel.path / "secret.txt", context / "to-file")
    os.symlink(sentinel.path, context / "to-dir")
    os.symlink(sentinel.upward, context / "up")
    os.symlink("to-file", context / "chain")
    image_of(builds, context, sentinel)


def test_links_of_the_context_are_copied_as_links(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write
) -> None:
    context = write("FROM burrow-base\nCOPY . /all\nADD tree /tree\n")
    (context / "tree").mkdir()
    for place in (context, context / "tree"):
        os.symlink(sentinel.path, place / "absolute")
        os.symlink(sentinel.upward, place / "upward")
    built = image_of(builds, context, sentinel)
    assert built is not None
    assert built.tree["/all/absolute"]["target"] == str(sentinel)
    assert built.tree["/tree/upward"]["target"] == sentinel.upward


def test_a_context_that_is_swapped_for_a_link_while_it_is_read_gives_nothing_away(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write, tmp_path: Path
) -> None:
    context = write("FROM burrow-base\nCOPY dir /dir\n")
    (context / "dir").mkdir()
    (context / "dir" / "secret.txt").write_text("harmless")
    script = "while :; do mv dir held; ln -s '%s' dir; rm dir; mv held dir; done" % sentinel
    with subprocess.Popen(["sh", "-c", script], cwd=context, stderr=subprocess.DEVNULL) as swapping:
        try:
            for _ in range(5):
                image_of(builds, context, sentinel)
        finally:
            swapping.kill()


# Each plants /escape in the image: a link to the sentinel's path on the host.
PLANTED = (
    "FROM burrow-base AS made\nRUN ln -s '{target}' /escape\n"
    "FROM burrow-base\nRUN ln -s '{target}' /escape\n"
)


@pytest.mark.parametrize("target", ["absolute", "upward"])
@pytest.mark.parametrize(
    "instruction",
    [
        "COPY a.txt /escape/planted",
        "COPY a.txt /escape",
        "COPY --link a.txt /escape/planted",
        "COPY --chown=1:1 a.txt /escape/secret.txt",
        "ADD a.txt /escape/sub/",
        "COPY . /escape/",
        "WORKDIR /escape/made",
        "COPY --from=made /escape/secret.txt /taken",
        "COPY --from=made /escape/* /taken/",
        "RUN cat /escape/secret.txt > /taken; echo x > /escape/planted; true",
        "RUN --mount=type=cache,target=/escape/cache echo x > /escape/cache/planted",
        "RUN --mount=type=tmpfs,target=/escape/t echo x > /escape/t/planted",
        "RUN --mount=type=bind,target=/escape/b cat /escape/b/a.txt > /taken",
        "RUN --mount=type=bind,target=/escape/b,rw echo x > /escape/b/planted",
        "RUN --mount=type=bind,from=made,source=/escape,target=/b cat /b/secret.txt > /taken",
        "RUN --mount=type=bind,from=made,source=/escape/secret.txt,target=/b cat /b > /taken",
        "RUN --mount=type=cache,from=made,source=/escape,target=/c cat /c/secret.txt > /taken",
        "RUN --mount=type=secret,id=s,target=/escape/s true",
        "VOLUME /escape/volume\nRUN echo x > /escape/volume/planted; true",
    ],
)
def test_links_of_the_image_lead_nowhere_outside(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write, instruction: str, target: str
) -> None:
    link = str(sentinel) if target == "absolute" else sentinel.upward
    context = write(PLANTED.format(target=link) + instruction + "\n")
    image_of(builds, context, sentinel)


def test_a_destination_behind_a_link_is_inside_the_image(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write
) -> None:
    dockerfile = "FROM burrow-base\nRUN ln -s '%s' /escape\nCOPY a.txt /escape/planted\n"
    built = image_of(builds, write(dockerfile % sentinel), sentinel)
    assert built is not None and sentinel.is_below_root(built, "planted")


@pytest.mark.parametrize("name", ["proc", "sys", "dev", "etc", "run", "tmp", "etc/resolv.conf"])
def test_mount_points_that_are_links_lead_nowhere_outside(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write, name: str
) -> None:
    context = write('FROM scratch\nCOPY tree /\nRUN ["/bin/busybox", "touch", "/ran"]\n')
    tree = context / "tree"
    (tree / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, tree / "bin/busybox")
    if "/" in name:
        (tree / name).parent.mkdir()
        os.symlink(sentinel.path / "planted", tree / name)
    else:
        os.symlink(sentinel.path, tree / name)
    image_of(builds, context, sentinel)


def test_accounts_are_looked_up_in_the_image_alone(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write
) -> None:
    dockerfile = "FROM burrow-base\nRUN rm /etc/passwd && ln -s '%s/passwd' /etc/passwd\n%s\n"
    for instruction in ("COPY --chown=evil a.txt /a", "USER evil\nRUN id -u > /tmp/id"):
        assert image_of(builds, write(dockerfile % (sentinel, instruction)), sentinel) is None


def test_links_left_in_a_cache_mount_lead_nowhere_outside(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write
) -> None:
    cache = "RUN --mount=type=cache,id=trap,target=/cache "
    lines = ["FROM burrow-base", cache + "ln -s '%s' /cache/link; true" % sentinel]
    lines += [cache + "cat /cache/link/secret.txt > /taken; echo x > /cache/link/planted; true"]
    lines += [
        cache + "--mount=type=cache,id=inner,target=/cache/link/inner echo x > /cache/link/inner/p"
    ]
    image_of(builds, write("\n".join(lines) + "\n"), sentinel)


def test_a_mount_point_that_another_build_swaps_for_a_link_leads_nowhere_outside(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write, tmp_path: Path
) -> None:
    swap = "while [ ! -e /c/stop ]; do mkdir /c/d; rm -rf /c/d; ln -s '%s' /c/d; rm -f /c/d; done 2> /dev/null"
    swapping = tmp_path / "swapping"
    swapping.mkdir()
    cache = "RUN --mount=type=cache,id=race,target=/c "
    (swapping / "Dockerfile").write_text("FROM burrow-base\n%s%s\n" % (cache, swap % sentinel))
    process = builds.daemon.popen("build", str(swapping), cwd=swapping)
    try:
        mount = cache + "--mount=type=cache,id=on-top,target=/c/d/m echo %d > /c/d/m/planted; true"
        for number in range(10):
            image_of(builds, write("FROM burrow-base\n" + mount % number + "\n"), sentinel)
    finally:
        builds.build(write("FROM burrow-base\n%stouch /c/stop\n" % cache), "--no-cache")
        process.communicate(timeout=60)


# Each must print nothing but "refused".
TRICKS = {
    "root_of_init": "cat /proc/1/root{outside}/secret.txt",
    "root_of_another": "cat /proc/*/root{outside}/secret.txt",
    "directory_of_another": "cat /proc/*/cwd{outside}/secret.txt",
    "core_pattern": "echo '|/tmp/x' > /proc/sys/kernel/core_pattern",
    "sysrq": "echo h > /proc/sysrq-trigger",
    "hotplug": "echo /tmp/x > /sys/kernel/uevent_helper",
    "memory": "test $(head -c 4 /proc/kcore | wc -c) -gt 0",
    "devices_of_memory": "cat /dev/mem /dev/kmem /dev/port",
    "a_mount": "mount -t proc proc /mnt || mkdir /m && mount -t tmpfs tmpfs /m",
    "a_bind_mount": "mkdir -p /m && mount -o bind /proc /m",
    "a_namespace": "nsenter -t 1 -m -- cat {outside}/secret.txt",
    "a_device": "mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk",
    "reading_only": "mount -o remount,rw /proc/sys",
    "release_agent": "find /sys/fs/cgroup -name release_agent -exec sh -c 'echo /x > $0' {{}} \\; -print | grep -q .",
    "binary_format": "echo ':x:M::x::/x:' > /proc/sys/fs/binfmt_misc/register",
    "another_host_name": "hostname burrow-escaped",
}


@pytest.mark.parametrize("name", sorted(TRICKS))
def test_the_kernel_gives_a_step_nothing_of_the_host(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write, name: str
) -> None:
    trick = TRICKS[name].format(outside=sentinel)
    run = "RUN if (%s) 2>/dev/null; then echo escaped; else echo refused; fi > /verdict\n" % trick
    built = image_of(builds, write("FROM burrow-base\n" + run), sentinel)
    assert built is not None
    said = str(built.tree["/verdict"]["content"])
    assert said.splitlines()[-1] == "refused", said


def test_processes_that_outlive_their_step_are_gone(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write
) -> None:
    mark = "987654"
    daemonized = "RUN (setsid sleep %s &) && echo started > /started\n" % mark
    assert image_of(builds, write("FROM burrow-base\n" + daemonized), sentinel) is not None
    listing = subprocess.run(["ps", "-eo", "args"], stdout=subprocess.PIPE, text=True, check=True)
    assert mark not in listing.stdout


def test_a_step_has_a_bound_of_processes(
    builds: BurrowBuilds, sentinel: Sentinel, write: Write
) -> None:
    script = "i=0; while [ $i -lt 6000 ] && (sleep 1000 &) 2>/dev/null; do i=$((i+1)); done; echo $i > /count"
    built = image_of(builds, write("FROM burrow-base\nRUN %s\n" % script), sentinel)
    assert built is None or int(str(built.tree["/count"]["content"])) < 6000
    builds.build(write("FROM burrow-base\nRUN echo fine\n"))
