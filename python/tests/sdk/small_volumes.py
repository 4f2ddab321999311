"""burrow.v1.Volumes in memory, for tests of the client's side."""

from __future__ import annotations

import base64
import stat
from typing import Any, Dict, Iterator, List, Tuple, Union

from fake_server import ConnectFailure, FakeServer

PUT, REMOVE, OPAQUE, COPY = 1, 2, 3, 5
_NUMBERS = {1: "kind", 3: "mode", 7: "size", 8: "mtime", 9: "mtime_ns"}
_BYTES = {2: "path", 10: "digest", 12: "target"}


class SmallVolumes:
    """Adds the methods to a FakeServer. `trees` has what each volume holds, by path."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.names: Dict[str, str] = {}  # name -> id
        self.trees: Dict[str, Dict[bytes, Dict[str, Any]]] = {}
        self.page = 1000
        self.busy = 0  # how many times Delete is refused
        for name in ("Create", "Get", "List", "Rename", "Delete", "Entries", "Change"):
            server.methods["Volumes/" + name] = getattr(self, "_" + name.lower())
        server.methods["Volumes/Commit"] = server.methods["Volumes/Reload"] = lambda request: {}

    def paths(self, name: str) -> List[str]:
        return sorted(path.decode() for path in self.trees[self.names[name]])

    def add(self, name: str, path: bytes, content: bytes = b"", **fields: Any) -> None:
        """Puts a file there by itself."""
        digest = self._store(content) if content else ""
        entry = {"mode": stat.S_IFREG | 0o644, "size": len(content), "digest": digest}
        entry.update(fields)
        self.trees[self.names[name]][path] = entry

    def _store(self, content: bytes) -> str:
        import hashlib

        digest = hashlib.sha256(content).hexdigest()
        self.server.blobs[digest] = content
        return digest

    def _create(self, request: Dict[str, Any]) -> Dict[str, Any]:
        name = request["name"]
        if name in self.names and not request.get("mayExist"):
            raise ConnectFailure("already_exists", "there is a volume '%s' already" % name, 409)
        if name not in self.names:
            self.names[name] = "vo-%d" % (len(self.trees) + 1)
            self.trees[self.names[name]] = {}
        return self._get(request)

    def _get(self, request: Dict[str, Any]) -> Dict[str, Any]:
        if request["name"] not in self.names:
            raise ConnectFailure("not_found", "there is no volume '%s'" % request["name"], 404)
        return {"volume": self._info(request["name"])}

    def _info(self, name: str) -> Dict[str, Any]:
        tree = self.trees[self.names[name]]
        size = sum(entry["size"] for entry in tree.values())
        return {"name": name, "volumeId": self.names[name], "files": len(tree), "bytes": str(size)}

    def _list(self, request: Dict[str, Any]) -> Dict[str, Any]:
        return {"volumes": [self._info(name) for name in sorted(self.names)]}

    def _name_of(self, request: Dict[str, Any]) -> str:
        for name, known in self.names.items():
            if known == request["volumeId"]:
                return name
        raise ConnectFailure("not_found", "there is no volume '%s'" % request["volumeId"], 404)

    def _rename(self, request: Dict[str, Any]) -> Dict[str, Any]:
        self.names[request["name"]] = self.names.pop(self._name_of(request))
        return {}

    def _delete(self, request: Dict[str, Any]) -> Dict[str, Any]:
        name = self._name_of(request)
        if self.busy:
            self.busy -= 1
            raise ConnectFailure("failed_precondition", "a container has the volume", 400)
        del self.trees[self.names.pop(name)]
        return {}

    def _entries(self, request: Dict[str, Any]) -> Dict[str, Any]:
        tree = self.trees[self.names[self._name_of(request)]]
        path = base64.b64decode(request.get("path", ""))
        after = base64.b64decode(request.get("after", ""))
        prefix = path + b"/" if path else b""
        if path and path not in tree:
            raise ConnectFailure("not_found", "there is no such path in the volume", 404)
        if path and not stat.S_ISDIR(tree[path]["mode"]):
            below = [path]
        else:
            below = [one for one in sorted(tree) if one.startswith(prefix)]
        if not request.get("recursive"):
            below = [one for one in below if b"/" not in one[len(prefix) :]]
        below = [one for one in below if one > after]
        page = below[: request.get("limit") or self.page]
        entries = [dict(tree[one], path=base64.b64encode(one).decode()) for one in page]
        return {"entries": entries, "more": len(page) < len(below)}

    def _change(self, request: Dict[str, Any]) -> Dict[str, Any]:
        name = self._name_of(request)
        tree = dict(self.trees[self.names[name]])
        for change in decode_changes(self.server.blobs[request["digest"]]):
            self._apply(tree, change, bool(request.get("keepExisting")))
        self.trees[self.names[name]] = tree
        return {"volume": self._info(name)}

    def _apply(
        self, tree: "Dict[bytes, Dict[str, Any]]", change: "Dict[str, Any]", keep: bool
    ) -> None:
        path: bytes = change["path"]
        if change["kind"] in (REMOVE, OPAQUE):
            for one in [one for one in tree if not path or (one + b"/").startswith(path + b"/")]:
                del tree[one]
            return
        if keep and path in tree and not stat.S_ISDIR(change["mode"]):
            raise ConnectFailure("already_exists", "'%s' is there" % path.decode(), 409)
        parts = path.split(b"/")
        for end in range(1, len(parts)):
            tree.setdefault(b"/".join(parts[:end]), {"mode": stat.S_IFDIR | 0o755, "size": 0})
        if change["kind"] == COPY:
            source: bytes = change["target"]
            below = [one for one in tree if (one + b"/").startswith(source + b"/")]
            tree.update({path + one[len(source) :]: tree[one] for one in below})
            return
        digest = change["digest"].hex()
        assert not digest or digest in self.server.blobs
        tree[path] = {
            "mode": change["mode"],
            "size": change["size"],
            "mtime": str(change["mtime"]),
            "digest": digest,
        }


def decode_changes(data: bytes) -> "Iterator[Dict[str, Any]]":
    """The changes of a VolumeChanges message."""
    for _, body in _fields(data):
        assert isinstance(body, bytes)
        change: Dict[str, Any] = {name: 0 for name in _NUMBERS.values()}
        change.update((name, b"") for name in _BYTES.values())
        for field, value in _fields(body):
            change[_NUMBERS.get(field) or _BYTES[field]] = value
        yield change


def _fields(data: bytes) -> "Iterator[Tuple[int, Union[int, bytes]]]":
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value, at = _varint(data, at)
        if key & 7 == 0:
            yield key >> 3, value
        else:
            yield key >> 3, data[at : at + value]
            at += value


def _varint(data: bytes, at: int) -> "Tuple[int, int]":
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
