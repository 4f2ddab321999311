"""What burrowd must not leave behind on the machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Set


class Leftovers:
    """Compares the machine with how it was when this was made."""

    def __init__(self) -> None:
        self._links = network_links()
        self._cgroups = cgroups()
        self._namespaces = named_network_namespaces()

    def check(self, state: Path, group: int = 0) -> None:
        """Fails if anything of a burrowd that has ended is still there."""
        assert mounts_under(state) == set()
        assert cgroups() - self._cgroups == set()
        assert network_links() - self._links == set()
        assert named_network_namespaces() - self._namespaces == set()
        assert processes_with(state, group) == set()


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


# What unit tests, which may run beside, call their own.
_UNIT_TESTS = re.compile(r"burrow-t\d+-\d+")


def cgroups() -> Set[str]:
    """Every control group directory that burrowd makes."""
    root = "/sys/fs/cgroup"
    return {
        os.path.join(parent, name)
        for parent, names, _ in os.walk(root)
        for name in names
        if name.startswith("burrow-") and not _UNIT_TESTS.fullmatch(name)
    }


def network_links() -> Set[str]:
    """Bridges and veths of burrowd."""
    listing = subprocess.run(["ip", "-j", "link"], stdout=subprocess.PIPE, check=True, timeout=10)
    names = (link["ifname"] for link in json.loads(listing.stdout or b"[]"))
    return {name for name in names if name.startswith("bw")}


def named_network_namespaces() -> Set[str]:
    try:
        return set(os.listdir("/run/netns"))
    except FileNotFoundError:
        return set()


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


def _processes() -> "list[Path]":
    return [Path("/proc", name) for name in os.listdir("/proc") if name.isdigit()]
