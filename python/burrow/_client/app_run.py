"""`with app.run():` and `async with app.run():`."""

from __future__ import annotations

from burrow._client.session import run_app

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from burrow._client.reporter import Reporter
    from burrow._client.session import Session
    from burrow.app import App


class AppRun:
    """One run of an app; to be entered once."""

    def __init__(self, app: "App", reporter: "Reporter | None", detach: bool = False) -> None:
        self._context = run_app(app, reporter, detach=detach)

    def __enter__(self) -> "Session":
        return self._context.__enter__()

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> "bool | None":
        return self._context.__exit__(kind, error, traceback)

    async def __aenter__(self) -> "Session":
        from burrow._client.async_bridge import call

        session: "Session" = await call(self._context.__enter__, (), {})
        return session

    async def __aexit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> "bool | None":
        from burrow._client.async_bridge import call

        left: "bool | None" = await call(self._context.__exit__, (kind, error, traceback), {})
        return left
