"""What burrowd must not leave behind on the machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Set


def check_nothing_left(state: Path, group: int = 0) -> None:
    """Fails if anything of the burrowd that had this state directory, and has ended, is still there.

    `group` is its process group; 0 stands for one that nobody knows.
    """
    assert mounts_under(state) == set()
    assert cgroups(state) == set()
    assert network_links(state) == set()
    assert address_translations(state) == set()
    assert processes_with(state, group) == set()


def instance_tag(state: Path) -> str:
    """What the instance's control groups and network are named by: src/worker/state_layout.h."""
    return hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:8]


def mounts_under(state: Path) -> Set[str]:
    """Mount points below `state` in the mount namespace of any process."""
    found: Set[str] = set()
    seen: Set[str] = set()
    for process in _processes():
        try:
            namespace = os.readlink(process / "ns" / "mnt")
            if namespace in seen:
                continue
            seen.add(namespace)
            for line in (process / "mountinfo").read_text().splitlines():
                point = line.split()[4]
                if Path(point) == state or state in Path(point).parents:
                    found.add("%s in %s" % (point, process))
        except OSError:
            continue
    return found


def cgroups(state: Path) -> Set[str]:
    """Every control group directory of the instance."""
    top = "burrow-" + instance_tag(state)
    found = set()
    for parent, names, _ in os.walk("/sys/fs/cgroup"):
        inside = top in Path(parent).parts
        found |= {os.path.join(parent, name) for name in names if inside or name == top}
    return found


def traces(state: Path) -> Set[str]:
    """What can be told from anything that a later burrowd with this state directory makes: containers' control
    groups, mounts below their directories, links and processes.
    """
    top = "burrow-" + instance_tag(state)
    groups = {group for group in cgroups(state) if Path(group).parent.name == top}
    inside = str(state / "worker/containers") + "/"
    mounts = {point.split()[0] for point in mounts_under(state) if point.startswith(inside)}
    links = {"%s %d" % (link["ifname"], link["ifindex"]) for link in _links(state)}
    return groups | mounts | links | {_life(name) for name in processes_with(state, 0)}


def check_removed(left: Set[str], state: Path) -> None:
    """Fails if something that a killed burrowd left (see traces()) is there although the next one has started."""
    assert any("/burrow-" in trace for trace in left), "containers were left: %r" % left
    assert left & traces(state) == set()


def network_links(state: Path) -> Set[str]:
    """Bridge and veths of the instance."""
    return {link["ifname"] for link in _links(state)}


def address_translations(state: Path) -> Set[str]:
    """Tables of nftables of the instance."""
    listing = subprocess.run(
        ["nft", "list", "tables"], stdout=subprocess.PIPE, check=True, timeout=10
    )
    names = {line.split()[-1] for line in listing.stdout.decode().splitlines()}
    return names & {"burrow_" + instance_tag(state)}


def processes_with(state: Path, group: int) -> Set[str]:
    """Processes of the instance's group, if it is not 0, or with a path below `state`."""
    found = set()
    for process in _processes():
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        in_group = group != 0 and int(fields[2]) == group
        if fields[0] != "Z" and (in_group or any(word.startswith(str(state)) for word in words)):
            found.add("%s: %s" % (process.name, " ".join(words)))
    return found


def used_bytes(place: Path) -> int:
    """What the files below a directory take on the disk."""
    total = 0
    for where, _, files in os.walk(place):
        for name in files:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def _processes() -> "list[Path]":
    return [Path("/proc", name) for name in os.listdir("/proc") if name.isdigit()]


def _links(state: Path) -> "list[dict[str, Any]]":
    listing = subprocess.run(["ip", "-j", "link"], stdout=subprocess.PIPE, check=True, timeout=10)
    name = "bw" + instance_tag(state)
    return [link for link in json.loads(listing.stdout or b"[]") if link["ifname"].startswith(name)]


def _life(process: str) -> str:
    """A process as processes_with() names it, with the time at which it began: ids are used again."""
    pid = process.partition(":")[0]
    try:
        began = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        began = "over"
    return "process %s, begun at %s" % (pid, began)
