"""`burrow workspace create`, `list`, `update` and `delete`."""

from __future__ import annotations

from small_burrowd import SmallBurrowd
from test_command_line import burrow


def test_one_is_made_with_the_limits_that_are_named(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Workspaces/Create"] = lambda request: {}
    done = burrow(
        "workspace",
        "create",
        "team",
        "--max-containers",
        "3",
        "--share-cache",
        "--max-cpus",
        "1.5",
        "--max-memory",
        "512",
        "--max-storage",
        "100",
    )
    assert (done.returncode, done.stdout) == (0, "Created the workspace team\n")
    assert "burrow token create NAME --workspace team" in done.stderr
    assert burrowd.called("Workspaces/Create") == [
        {
            "name": "team",
            "limits": {
                "maxContainers": 3,
                "maxCpus": 1.5,
                "maxMemoryMib": 512,
                "maxStorageMib": 100,
                "shareCache": True,
            },
        }
    ]


def test_only_what_is_named_is_changed(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Workspaces/Update"] = lambda request: {}
    assert burrow("workspace", "update", "team", "--max-queued-calls", "0").returncode == 0
    assert burrow("workspace", "update", "team", "--no-share-cache").returncode == 0
    assert burrowd.called("Workspaces/Update") == [
        {"name": "team", "limits": {"maxQueuedCalls": 0}},
        {"name": "team", "limits": {"shareCache": False}},
    ]


def test_they_are_listed_with_what_they_have_and_may_have(burrowd: SmallBurrowd) -> None:
    workspaces = [
        {"name": "default", "limits": {"shareCache": True}, "waiting": 4},
        {
            "name": "team",
            "limits": {"maxContainers": 3, "maxCpus": 1.5, "maxStorageMib": "100"},
            "volumeBytes": str(1 << 20),
            "imageBytes": str(1 << 19),
            "containers": 2,
            "tokens": 1,
            "cpus": 1.25,
            "memoryMib": "256",
        },
    ]
    burrowd.methods["Workspaces/List"] = lambda request: {"workspaces": workspaces}
    done = burrow("workspace", "list")
    assert done.returncode == 0, done.stderr
    _, default, team = done.stdout.splitlines()
    assert default.split() == ["default", "0", "0", "0", "4", "0", "0", "0", "shared", "-"]
    assert " ".join(team.split()) == "team 2 of 3 1.25 of 1.5 256 0 1.5 of 100 0 1 own -"


def test_one_is_deleted_by_its_name(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Workspaces/Delete"] = lambda request: {}
    done = burrow("workspace", "delete", "team")
    assert (done.returncode, done.stdout) == (0, "Deleted the workspace team\n")
    assert burrowd.called("Workspaces/Delete") == [{"name": "team"}]
