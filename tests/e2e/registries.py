"""A real registry for one test, with or without a password, and one that fails as it is told."""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import re
import socket
import ssl
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import Callable, Dict, List, Optional

from daemon import wait_until
from real_images import run


class DockerRegistry:
    """Debian's docker-registry on a free port; with certificates, by TLS and under their name."""

    def __init__(
        self, directory: Path, password: str = "", certificates: "Optional[Certificates]" = None
    ) -> None:
        self.directory = directory
        self.process: "Optional[subprocess.Popen[bytes]]" = None
        self.host = ""
        self._password = password
        self._certificates = certificates

    def start(self) -> None:
        auth = ""
        if self._password:
            line = run("htpasswd", "-Bbn", "user", self._password)
            (self.directory / "htpasswd").write_text(line)
            auth = "auth: {htpasswd: {realm: test, path: %s}}\n" % (self.directory / "htpasswd")
        tls, address, name = "", "127.0.0.1", "localhost"
        if self._certificates:
            own = (self._certificates.certificate, self._certificates.key)
            tls = ", tls: {certificate: %s, key: %s}" % own
            address, name = self._certificates.address, self._certificates.name
        config = self.directory / "registry.yml"
        config.write_text(
            "version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %s}}\n"
            "http: {addr: '%s:0', secret: s%s}\n%s" % (self.directory / "data", address, tls, auth)
        )
        log = self.directory / "registry.log"
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                ["docker-registry", "serve", str(config)], stdout=out, stderr=out
            )
        wait_until(lambda: b"listening on" in log.read_bytes(), "the registry listens")
        found = re.search(r"listening on %s:(\d+)" % re.escape(address), log.read_text())
        assert found, log.read_text()
        self.host = "%s:%s" % (name, found.group(1))

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def push(self, layout: str, name: str) -> None:
        login = ["--dest-creds", "user:" + self._password] if self._password else []
        target = "docker://%s/%s" % (self.host, name)
        run(
            "skopeo",
            "copy",
            "--insecure-policy",
            "--dest-tls-verify=false",
            *login,
            "oci:" + layout,
            target,
        )

    def push_as_it_is(self, layout: Path, name: str) -> None:
        """Every blob of a layout of one image, byte for byte: other tools compress what is not."""
        base = "http://%s/v2/%s" % (self.host, name)
        (described,) = json.loads((layout / "index.json").read_text())["manifests"]
        manifest = (layout / "blobs/sha256" / described["digest"][len("sha256:") :]).read_bytes()
        document = json.loads(manifest)
        for blob in [document["config"], *document["layers"]]:
            content = (layout / "blobs/sha256" / blob["digest"][len("sha256:") :]).read_bytes()
            with _send("POST", base + "/blobs/uploads/", b"") as answer:
                place = answer.headers["Location"]
            join = "&" if "?" in place else "?"
            _send("PUT", place + join + "digest=" + blob["digest"], content).close()
        _send("PUT", base + "/manifests/latest", manifest, described["mediaType"]).close()

    def push_index(self, name: str, tag: str, platforms: "Dict[str, str]") -> None:
        """An image index with a manifest for each architecture: the one that a tag of `name` has."""
        base = "%s://%s/v2/%s" % ("https" if self._certificates else "http", self.host, name)
        trust = self._certificates.context() if self._certificates else None
        manifests = []
        for architecture, pushed in platforms.items():
            with _send("GET", base + "/manifests/" + pushed, None, _MANIFEST, trust) as answer:
                manifests.append(
                    {
                        "mediaType": _MANIFEST,
                        "digest": answer.headers["Docker-Content-Digest"],
                        "size": len(answer.read()),
                        "platform": {"os": "linux", "architecture": architecture},
                    }
                )
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
        body = json.dumps(index).encode()
        _send("PUT", base + "/manifests/" + tag, body, _INDEX, trust).close()


class Certificates:
    """An authority that nobody knows, and a certificate of it for this machine's own name."""

    def __init__(self, directory: Path) -> None:
        self.name = socket.gethostname()
        self.address = socket.gethostbyname(self.name)
        self.authority, self.key = directory / "ca.pem", directory / "server.key"
        self.certificate = directory / "server.pem"
        ca_key, request = directory / "ca.key", directory / "server.csr"
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj"]
        made = ["-keyout", str(ca_key), "-out", str(self.authority)]
        run("openssl", "req", "-x509", *new, "/CN=nobody", "-days", "2", *made)
        names = "subjectAltName=DNS:" + self.name
        made = ["-addext", names, "-keyout", str(self.key), "-out", str(request)]
        run("openssl", "req", *new, "/CN=registry", *made)
        signer = ["-CA", str(self.authority), "-CAkey", str(ca_key), "-CAcreateserial"]
        made = ["-in", str(request), "-copy_extensions", "copy", "-out", str(self.certificate)]
        run("openssl", "x509", "-req", "-days", "2", *signer, *made)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


def _send(
    method: str,
    url: str,
    body: "Optional[bytes]",
    kind: str = "application/octet-stream",
    trust: "Optional[ssl.SSLContext]" = None,
) -> "http.client.HTTPResponse":
    headers = {"Content-Type": kind, "Accept": kind}
    request = urllib.request.Request(url, body, headers, method=method)
    answer: "http.client.HTTPResponse" = urllib.request.urlopen(request, timeout=30, context=trust)
    return answer


# Decides what happens to a request: None lets it pass, else a status.
Fault = Callable[[str, int], Optional[int]]


class FaultyRegistry:
    """Passes requests on to another registry, and fails as `fault(path, attempt)` says.

    With `token` it wants a bearer token, which its own /token gives to user:tapir-plover-49.
    """

    TRUNCATE, CORRUPT = 1, 2

    def __init__(self, behind: DockerRegistry, fault: Fault, token: bool = False) -> None:
        self.seen: List[str] = []
        self.ranges: List[str] = []
        attempts: Dict[str, int] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append(self.path)
                if token and not self._allowed():
                    return
                attempts[self.path] = attempts.get(self.path, 0) + 1
                verdict = fault(self.path, attempts[self.path])
                if verdict is not None and verdict >= 100:
                    self.send_error(verdict)
                    return
                self._forward(verdict)

            def _allowed(self) -> bool:
                auth = self.headers.get("Authorization", "")
                if self.path.startswith("/token"):
                    good = auth == "Basic " + base64.b64encode(b"user:tapir-plover-49").decode()
                    body = json.dumps({"token": "abc"}).encode()
                    self.send_response(200 if good else 401)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return False
                if auth == "Bearer abc":
                    return True
                self.send_response(401)
                realm = 'Bearer realm="http://%s/token",service="s",scope="repository:x:pull"'
                self.send_header("WWW-Authenticate", realm % outer.host)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return False

            def _forward(self, verdict: "Optional[int]") -> None:
                request = urllib.request.Request("http://%s%s" % (behind.host, self.path))
                for name in ("Accept", "Range"):
                    if name in self.headers:
                        request.add_header(name, self.headers[name])
                if "Range" in self.headers:
                    outer.ranges.append(self.headers["Range"])
                with urllib.request.urlopen(request, timeout=30) as answer:
                    body = answer.read()
                    self.send_response(answer.status)
                    self.send_header("Content-Type", answer.headers["Content-Type"])
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                if verdict == FaultyRegistry.CORRUPT:
                    body = bytes([body[0] ^ 1]) + body[1:]
                if verdict == FaultyRegistry.TRUNCATE:
                    self.wfile.write(body[: len(body) // 2])
                    self.close_connection = True
                    return
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = "127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)
