"""Secrets of a recipe's steps reach their processes, and nothing that stays: not the image, logs, history, store, export."""

from __future__ import annotations

import uuid
from pathlib import Path

import recipes
from daemon import Daemon
from test_secrets import command_lines, files_with
from transfers import exported, needs
from wheels import write_wheel

RECIPE = """
import os

def fill(word):
    print("the function prints", os.environ["OWN"], os.environ["STORED"])
    assert os.environ["STORED"].startswith("stored-")
    with open("/filled", "w") as file:
        file.write(word + str(len(os.environ["OWN"])))

secrets = [
    burrow.Secret.from_dict({"OWN": os.environ["OWN_VALUE"]}),
    burrow.Secret.from_name("recipe-secret", required_keys=["STORED"]),
]
with_secrets = dict(secrets=secrets, env={"ROUND": os.environ["ROUND"]})
image = (
    burrow.Image.debian_slim()
    .apt_install("figlet", **with_secrets)
    .run_commands('echo "$OWN"; echo "$STORED"; test -n "$OWN$STORED" && echo $ROUND > /round', **with_secrets)
    .dockerfile_commands('RUN test -n "$OWN$STORED" && env >&2 && echo ok > /ok', **with_secrets)
    .add_local_dir("wheels", "/wheels")
    .pip_install("of_secrets", find_links="/wheels", no_index=True, **with_secrets)
    .run_function(fill, args=("length ",), serialized=True, **with_secrets)
)
"""
FAILS = """
import os

def fail():
    raise ValueError("the function knows " + os.environ["STORED"])

image = burrow.Image.debian_slim().run_function(
    fail,
    serialized=True,
    secrets=[burrow.Secret.from_name("recipe-secret")],
    env={"ROUND": os.environ["ROUND"]},
)
"""


def test_secrets_of_every_kind_of_step_are_kept_nowhere(own_daemon: Daemon, tmp_path: Path) -> None:
    needs("umoci")
    daemon = own_daemon
    daemon.env = {"BURROW_LOG": "debug"}
    daemon.start()
    own, stored, public = (
        "%s-%s" % (kind, uuid.uuid4().hex) for kind in ("own", "stored", "public")
    )
    write_wheel(tmp_path / "wheels", "of_secrets")
    daemon.burrow("secret", "create", "recipe-secret", "STORED=" + stored, "--force")
    try:
        built = recipes.build(daemon, RECIPE, tmp_path, OWN_VALUE=own, ROUND=public)
        image = built.image
        failed = recipes.build(daemon, FAILS, tmp_path, ROUND=public)
    finally:
        daemon.burrow("secret", "delete", "recipe-secret")
    assert len(built.steps("DONE")) >= 5, built.events
    assert len(failed.steps("FAILED")) == 1
    texts = {"build": repr(built), "failure": repr(failed), "log": daemon.log.read_text()}
    texts["lines"] = repr(command_lines())
    for command in ("inspect", "history"):
        texts[command] = daemon.burrow("image", command, image).stdout
    for name, build in (("logs", built), ("logs of the failure", failed)):
        texts[name] = daemon.burrow("image", "logs", build.id).stdout
    assert "the function prints ***" in texts["logs"]
    assert "the function knows ***" in texts["logs of the failure"]
    tree = exported(daemon.burrow, image, tmp_path)
    assert (tree / "filled").read_text() == "length %d" % len(own)
    for secret in (own, stored):
        for name, text in texts.items():
            assert secret not in text, name
        for place in (daemon.state, tree, tmp_path / "out"):
            assert list(files_with(place, secret.encode())) == []
    # What is no secret is found by the same search, in the store and in the image.
    assert list(files_with(daemon.state, public.encode()))
    assert list(files_with(tree, public.encode())) == [tree / "round"]
