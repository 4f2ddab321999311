"""The grammar of `burrow volume`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Any


def add_volume(volume: "ArgumentParser") -> None:
    """`burrow volume`"""
    commands = volume.add_subparsers(metavar="COMMAND", required=True)
    create = commands.add_parser("create", help="make an empty volume")
    create.add_argument("name", metavar="NAME")
    create.set_defaults(handler="volume_commands.create")
    listing = commands.add_parser("list", help="list volumes")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(handler="volume_commands.list_volumes")
    ls = commands.add_parser("ls", help="list what is in a volume")
    ls.add_argument("name", metavar="NAME")
    ls.add_argument("path", metavar="PATH", nargs="?", default="/")
    ls.add_argument("--json", action="store_true", help="as JSON")
    ls.set_defaults(handler="volume_commands.list_files")
    put = commands.add_parser(
        "put",
        help="upload a file or a directory",
        description="Uploads what the server lacks. All of it is in the volume afterwards, or none.",
    )
    put.add_argument("name", metavar="NAME")
    put.add_argument(
        "local", metavar="LOCAL", help="a file, or a directory whose content goes there"
    )
    put.add_argument(
        "remote",
        metavar="REMOTE",
        nargs="?",
        default="/",
        help="what it becomes; where it ends in / a file goes into it (default: /)",
    )
    put.add_argument("-f", "--force", action="store_true", help="replace what is there")
    put.set_defaults(handler="volume_commands.put")
    get = commands.add_parser("get", help="download a file or a directory")
    get.add_argument("name", metavar="NAME")
    get.add_argument("remote", metavar="REMOTE")
    get.add_argument(
        "local",
        metavar="LOCAL",
        nargs="?",
        default=".",
        help="a directory to put it into, or what it becomes; `-`: standard output (default: .)",
    )
    get.add_argument("-f", "--force", action="store_true", help="replace files that are there")
    get.set_defaults(handler="volume_commands.get")
    _add_changes(commands)


def _add_changes(commands: "Any") -> None:
    remove = commands.add_parser("rm", help="remove a file or a directory from a volume")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("path", metavar="PATH")
    remove.add_argument("-r", "--recursive", action="store_true", help="a directory with all in it")
    remove.set_defaults(handler="volume_commands.remove")
    copy = commands.add_parser("cp", help="copy inside a volume")
    copy.add_argument("name", metavar="NAME")
    copy.add_argument("paths", metavar="PATH", nargs="+", help="what is copied, and last where to")
    copy.add_argument("-r", "--recursive", action="store_true", help="directories, too")
    copy.set_defaults(handler="volume_commands.copy")
    rename = commands.add_parser("rename", help="give a volume another name")
    rename.add_argument("name", metavar="OLD")
    rename.add_argument("new_name", metavar="NEW")
    rename.set_defaults(handler="volume_commands.rename")
    delete = commands.add_parser("delete", help="delete a volume with its files")
    delete.add_argument("name", metavar="NAME")
    delete.add_argument("-y", "--yes", action="store_true", help="do not ask")
    delete.set_defaults(handler="volume_commands.delete")
