"""One run of an app: created, its images built, its source uploaded, published, and stopped."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from threading import Event

from burrow._client.attached_files import all_files, attached_files
from burrow._client.build_stream import BuildState, follow_build
from burrow._client.calls import CallClient
from burrow._client.config import load_config
from burrow._client.digest_cache import DigestCache
from burrow._client.function_spec import function_spec
from burrow._client.image_steps import attached_modules, compile_steps
from burrow._client.source import collect_source
from burrow._client.transport import Transport
from burrow._client.upload import upload
from burrow._client.watcher import Watcher
from burrow._output import make_reporter
from burrow.exception import AuthError, ConnectionError, Error, ImageBuildError
from burrow.image import Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator

    from burrow._client.attached_files import Attachment
    from burrow._client.calls import Observer
    from burrow._client.reporter import Reporter
    from burrow.app import App
    from burrow.volume import Volume

_PUBLISH_TIMEOUT = 120.0
_STOP_TIMEOUT = 30.0
_LAST_LINES_TIMEOUT = 10.0
_LEAVING_TIMEOUT = 0.3  # for lines that are on their way; nothing tells which is the last


class Session:
    """A running app, as its functions see it."""

    def __init__(
        self,
        app: "App",
        reporter: "Reporter",
        observer: "Observer | None" = None,
        detached: bool = False,
    ) -> None:
        self.app = app
        self.reporter = reporter
        self.app_id = ""
        self.function_ids: "dict[str, str]" = {}
        self.specs: "dict[str, dict[str, Any]]" = {}  # FunctionSpec messages as published last
        self.transport = Transport(load_config())
        self.calls = CallClient(self.transport, observer, detached)
        self._watcher: "Watcher | None" = None
        self._digests = DigestCache()
        self._image_ids: "dict[str, str]" = {}  # by the request that built them
        self.ended = Event()  # the server says no more of the app
        self.on_ended: "Callable[[], None] | None" = None

    def start(self) -> None:
        """Makes the app callable. `stop` must follow, also after an exception."""
        start = time.monotonic()
        request = {"name": self.app.name, "ephemeral": True}
        self.app_id = self.transport.unary("Apps/Create", request)["appId"]
        self._watcher = Watcher(self.transport, self.app_id, self.reporter, self._tell_ended)
        self.reporter.app_created(self.app.name, self.app_id, _ms_since(start))
        specs, source = self.prepare()
        start = time.monotonic()
        self.publish(specs, source)
        self.reporter.published(list(self.app.functions), _ms_since(start))
        self.prepared()

    def publish(
        self,
        specs: "list[dict[str, Any]]",
        source: "list[dict[str, Any]]",
        removed: "list[str] | None" = None,
        warm: "list[str] | None" = None,
    ) -> None:
        """Adds or replaces functions of the app, of which there may be others, and removes some.

        Those in `warm` are given a container at once where there is none.
        """
        request = {"appId": self.app_id, "functions": specs, "source": source}
        if removed:
            request["removed"] = removed
        if warm:
            request["warm"] = warm
        answer = self.transport.unary("Apps/Publish", request, _PUBLISH_TIMEOUT)
        self.function_ids.update(answer.get("functionIds", {}))
        self.specs.update((spec["name"], spec) for spec in specs)

    def prepare(self) -> "tuple[list[dict[str, Any]], list[dict[str, Any]]]":
        """Builds the images and sends the source; gives FunctionSpec and SourceFile messages."""
        image_ids = self._build_images()
        attached = {image: attached_files(image, self._digests) for image in image_ids}
        source = self._upload_source(attached.values())
        specs = []
        for function in self.app.functions.values():
            image = image_of(function, self.app)
            spec = function_spec(function, image_ids[image], self.calls.blobs)
            if attached[image]:
                spec["attached"] = [attachment.message() for attachment in attached[image]]
            if function.options.volumes:
                spec["volumes"] = self._mounts(function.options.volumes)
            specs.append(spec)
        return specs, source

    def _mounts(self, volumes: "dict[str, Volume]") -> "list[dict[str, Any]]":
        from burrow.volume import mount_messages

        return mount_messages(volumes)

    def prepared(self) -> None:
        """What was prepared is in use."""
        self._digests.save()

    def stop(self, reason: str) -> None:
        """Stops the app and shows what it printed until then."""
        if self.app_id:
            self._stop_app(reason)
        self.reporter.close()
        self.transport.close()

    def leave(self) -> None:
        """Leaves the app on the server, which stops it once its calls have ended."""
        if self._watcher is not None:
            self._watcher.finish(_LEAVING_TIMEOUT)
        self.reporter.left(self.app_id)
        self.transport.close()

    def _stop_app(self, reason: str) -> None:
        self.reporter.stopping()
        try:
            request = {"app": self.app_id, "reason": reason}
            self.transport.unary("Apps/Stop", request, _STOP_TIMEOUT)
        finally:
            if self._watcher is not None:
                self._watcher.finish(_LAST_LINES_TIMEOUT)
            self.reporter.stopped()

    def forget_images(self) -> None:
        """Asks for images again when they are needed next: they may have been removed."""
        self._image_ids.clear()

    def _tell_ended(self) -> None:
        self.ended.set()
        if self.on_ended is not None:
            self.on_ended()

    def _build_images(self) -> "dict[Image, str]":
        users: "dict[Image, list[str]]" = {}
        for function in self.app.functions.values():
            users.setdefault(image_of(function, self.app), []).append(function.name)
        return {image: self._build(image, names) for image, names in users.items()}

    def _build(self, image: Image, users: "list[str]") -> str:
        start = time.monotonic()
        label = ", ".join(users)
        self.reporter.image_started(label)
        compiled = compile_steps(image, self._digests)
        compiled.find_volumes()
        request = compiled.request()
        key = json.dumps(request, sort_keys=True)
        if key in self._image_ids:
            self.reporter.image_ready(label, {"imageId": self._image_ids[key]}, _ms_since(start))
            return self._image_ids[key]
        for note in compiled.notes:
            self.reporter.note(note)
        compiled.upload(self.calls.blobs, self.reporter.upload)
        state = BuildState()
        try:
            info = follow_build(self.transport, request, self.reporter, state)
        except (AuthError, ConnectionError):
            raise
        except Error as error:
            raise ImageBuildError(str(error) + state.advice()) from None
        if not info.get("imageId"):
            raise ImageBuildError("The build of the image for %s ended without an image." % label)
        self.reporter.image_ready(label, info, _ms_since(start))
        self._image_ids[key] = str(info["imageId"])
        return self._image_ids[key]

    def _upload_source(self, attached: "Iterable[list[Attachment]]") -> "list[dict[str, Any]]":
        """Sends the attached files, too."""
        start = time.monotonic()
        functions = self.app.functions.values()
        modules = attached_modules(image_of(function, self.app) for function in functions)
        files = collect_source(functions, self._digests, modules)
        everything = files + [file for one in attached for file in all_files(one)]
        sent_files, sent_bytes = upload(everything, self.calls.blobs)
        self.reporter.source_uploaded(len(everything), sent_files, sent_bytes, _ms_since(start))
        return [file.message() for file in files]


@contextmanager
def run_app(
    app: "App",
    reporter: "Reporter | None" = None,
    observer: "Observer | None" = None,
    detach: bool = False,
) -> "Iterator[Session]":
    """Runs an app while the block lasts; joins the run of an app that runs already.

    Args:
        detach: calls that have begun by the block's end go on, however it ends.
    """
    if app._session is not None:
        yield app._session
        return
    session = Session(app, reporter or make_reporter(), observer, detach)
    reason = "the client ended"
    try:
        session.start()
        app._session = session
        yield session
    except KeyboardInterrupt:
        reason = "the client was interrupted"
        raise
    except BaseException:
        reason = "the client failed"
        raise
    finally:
        published = app._session is not None
        app._session = None
        failed = reason != "the client ended"
        try:
            if detach and published:
                session.leave()
            else:
                session.stop(reason)
        except Error:
            if not failed:  # what went wrong first is what the user should see
                raise


def image_of(function: "Any", app: "App") -> Image:
    """A function's own image, else that of the app that defines it, of the one that runs it, or the plain one."""
    return function.options.image or function.app.image or app.image or Image.debian_slim()


def _ms_since(start: float) -> float:
    return (time.monotonic() - start) * 1000
