"""The grammar of `burrow build` and of the commands that look after images."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Any


def add_build(build: "ArgumentParser") -> None:
    """`burrow build`"""
    build.add_argument(
        "place",
        metavar="DIR|FILE",
        help="a directory with a Dockerfile or Containerfile; or the file, whose directory is the "
        "context; or - for a Dockerfile on the standard input, without a context",
    )
    _many(build, "-t", "--tag", metavar="NAME", help="call the image so")
    build.add_argument("-f", "--file", metavar="FILE", help="the Dockerfile; - for standard input")
    _many(build, "--build-arg", metavar="NAME[=VALUE]", help="a value for ARG")
    build.add_argument("--target", metavar="STAGE", help="build this stage instead of the last")
    build.add_argument("--no-cache", action="store_true", help="run every step anew")
    _many(build, "--no-cache-filter", metavar="STAGE,...", help="run the steps of stages anew")
    _many(
        build,
        "--secret",
        metavar="id=NAME,src=FILE",
        help="for RUN --mount=type=secret; or id=NAME,env=VARIABLE",
    )
    _many(
        build,
        "--ssh",
        metavar="default[=SOCKET]",
        help="an ssh agent for RUN --mount=type=ssh; the one of SSH_AUTH_SOCK by itself",
    )
    build.add_argument(
        "--source-date-epoch",
        type=int,
        metavar="SECONDS",
        help="no file that the build makes is younger than this Unix time",
    )
    build.add_argument(
        "--step-timeout",
        type=float,
        metavar="SECONDS",
        help="how long each step may take, at most 7 days; 30 minutes by itself",
    )
    build.add_argument("--plain-http", action="store_true", help="speak to registries without TLS")
    build.add_argument("--progress", choices=("auto", "plain", "quiet"), default="auto")
    build.set_defaults(handler="build.build_image")


def add_image_store(commands: "Any") -> None:
    """What follows `burrow image`: tag, inspect, history, rm, prune, logs."""
    tag = commands.add_parser("tag", help="give an image a name more")
    tag.add_argument("image", metavar="IMAGE", help="id or name")
    tag.add_argument("name", metavar="NAME")
    tag.set_defaults(handler="image_store.tag_image")
    inspect = commands.add_parser("inspect", help="show what an image is made of, as JSON")
    inspect.add_argument("image", metavar="IMAGE", help="id or name")
    inspect.add_argument("--json", action="store_true", help="as JSON, which is so anyway")
    inspect.set_defaults(handler="image_store.inspect_image")
    history = commands.add_parser("history", help="show the instructions that made an image")
    history.add_argument("image", metavar="IMAGE", help="id or name")
    history.set_defaults(handler="image_store.show_history")
    remove = commands.add_parser("rm", help="take names, or images, away")
    remove.add_argument("images", metavar="IMAGE", nargs="+", help="ids or names")
    remove.add_argument("--force", action="store_true", help="by id also where it has names")
    remove.set_defaults(handler="image_store.remove_images")
    prune = commands.add_parser("prune", help="forget images without a name that nothing uses")
    prune.add_argument("--steps", action="store_true", help="forget cached steps instead")
    prune.add_argument("--cache-mounts", action="store_true", help="remove cache mounts instead")
    prune.add_argument("--all", action="store_true", help="all three")
    prune.set_defaults(handler="image_store.prune_images")
    logs = commands.add_parser("logs", help="show what the steps of a build printed")
    logs.add_argument("build", metavar="BUILD|IMAGE", help="a build's id, or an image's id or name")
    logs.set_defaults(handler="image_store.show_build_log")


def _many(parser: "ArgumentParser", *names: str, **options: "Any") -> None:
    parser.add_argument(*names, action="append", default=[], **options)
