"""Files over HTTP on the loopback interface, for ADD."""

from __future__ import annotations

import http.server
import io
import tarfile
import threading
from types import TracebackType
from typing import Dict, List, Optional, Type

# Seconds; what Last-Modified says.
MODIFIED = 800_000_000
_MODIFIED_TEXT = "Tue, 09 May 1995 06:13:20 GMT"


def tar_of(files: "Dict[str, bytes]", mode: str = "w:gz") -> bytes:
    """An archive whose files have one date and the mode 0640."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(content), MODIFIED, 0o640
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


class FileServer:
    """Serves `files` by path for the length of a `with` block; `asked` lists the paths in order."""

    def __init__(self) -> None:
        self.files: "Dict[str, bytes]" = {
            "/hello.txt": b"hello over http\n",
            "/deep/named.txt": b"named\n",
            "/tree.tar": tar_of({"packed/file": b"packed\n"}, "w"),
        }
        self.asked: "List[str]" = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.files.get(self.path.partition("?")[0])
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Last-Modified", _MODIFIED_TEXT)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = "http://127.0.0.1:%d" % self._server.server_address[1]

    def __enter__(self) -> "FileServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: "Optional[Type[BaseException]]",
        error: "Optional[BaseException]",
        traceback: "Optional[TracebackType]",
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
