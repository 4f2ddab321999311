"""An app that runs while its source changes: what changed is published again."""

from __future__ import annotations

from burrow._client.digest_cache import DigestCache
from burrow._client.reporter import Reporter
from burrow._client.source_state import read_source, touched_functions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._client.session import Session
    from burrow._client.source_state import SourceState
    from burrow.app import App

_LIVE = ("CONTAINER_STATE_STARTING", "CONTAINER_STATE_READY")


class Swap:
    """What one swap did: the functions that have new code, and those that are no more."""

    __slots__ = ("swapped", "removed")

    def __init__(self, swapped: "list[str]", removed: "list[str]") -> None:
        self.swapped = swapped
        self.removed = removed


class ServedApp:
    """The app of a running session. One thread only.

    Args:
        program: the absolute path of the file that defines it.

    Attributes:
        state: the source that is published.
    """

    def __init__(self, session: "Session", program: str) -> None:
        self._session = session
        self._program = program
        self._digests = DigestCache(smallest=0)  # in memory alone: never saved
        # As the modules declared them: what is published may ask for more containers.
        self._specs = dict(session.specs)
        self.state = self.read()

    def read(self) -> "SourceState":
        """The source as it is now on this machine.

        Raises:
            InvalidError: a file cannot be read.
        """
        return read_source(self._session.app, self._program, self._digests)

    def swap(self, app: "App") -> Swap:
        """Publishes what differs in `app`, which takes the place of the session's own app.

        Functions that nothing has touched keep their containers; those that had some get one with the
        new code at once, before anybody calls.

        Raises:
            Error: something of it is refused; then the old code stays in place.
        """
        session, old = self._session, self._session.app
        reporter = session.reporter
        session.app, session.reporter = app, _BuildsAlone(reporter)
        try:
            state = self.read()
            specs, source = session.prepare()
            touched = touched_functions(app, state.changed_since(self.state), state)
            declared = {spec["name"]: spec for spec in specs}
            names = [
                name
                for name, spec in declared.items()
                if name in touched or spec != self._specs.get(name)
            ]
            removed = [name for name in self._specs if name not in declared]
            if names or removed:
                warm = self._with_containers()
                session.publish(
                    [declared[name] for name in names],
                    source,
                    removed,
                    [name for name in names if name in warm],
                )
        except BaseException:
            session.app = old
            session.forget_images()
            raise
        finally:
            session.reporter = reporter
        session.prepared()
        old._session, app._session = None, session
        self.state, self._specs = state, declared
        return Swap(names, removed)

    def _with_containers(self) -> "set[str]":
        """Functions that have containers now."""
        answer = self._session.transport.unary("Containers/List", {})
        return {
            str(item.get("function"))
            for item in answer.get("containers", ())
            if item.get("appId") == self._session.app_id and item.get("state") in _LIVE
        }


class _BuildsAlone(Reporter):
    """Hands on what an image's build does and what the app prints, and none of the other steps."""

    def __init__(self, reporter: Reporter) -> None:
        self.logs = reporter.logs
        self._reporter = reporter

    def upload(self, files: int, all_files: int, sent: int, all_bytes: int) -> None:
        self._reporter.upload(files, all_files, sent, all_bytes)

    def image_build(self, build_id: str) -> None:
        self._reporter.image_build(build_id)

    def image_step(self, step: "dict[str, Any]") -> None:
        self._reporter.image_step(step)

    def image_output(self, output: "dict[str, Any]") -> None:
        self._reporter.image_output(output)

    def image_wait(self, wait: "dict[str, Any]") -> None:
        self._reporter.image_wait(wait)

    def note(self, text: str) -> None:
        self._reporter.note(text)
