"""Apps: functions that run, log and stop together."""

from __future__ import annotations

import os

from burrow._aio import static_with_aio, with_aio
from burrow._app_parts import AppParts
from burrow._options import check_name, check_tags, refuse_environment
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from burrow._client.app_run import AppRun
    from burrow._client.reporter import Reporter
    from burrow._client.session import Session
    from burrow._deployed import Deployed
    from burrow.image import Image
    from burrow.secret import Secret
    from burrow.volume import Volume

_UNNAMED = "unnamed"


class App(AppParts):
    """A named set of functions.

    Args:
        name: shown by `burrow ps` and `burrow app ls`; letters, digits, '.', '_', '-'. An app
            without one can run, and be deployed under a name that is given then.
        tags: strings by name for those who read the program; the server does not have them.
        image: for functions that name none; a plain `Image.debian_slim()` otherwise.
        secrets: environment variables for all of its functions.
        volumes: for all of its functions, by the paths where they have them.
        include_source: changes nothing: the source that functions need always goes along.

    Example:
        app = burrow.App("hello")

        with app.run():
            print(square.remote(12))
    """

    def __init__(
        self,
        name: "str | None" = None,
        *,
        tags: "dict[str, str] | None" = None,
        image: "Image | None" = None,
        secrets: "list[Secret] | None" = None,
        volumes: "dict[str, Volume] | None" = None,
        include_source: "bool | None" = None,
    ) -> None:
        super().__init__(_UNNAMED if name is None else name, image, secrets, volumes)
        self.tags = check_tags(tags)
        self.app_id = ""  # of the deployed app, once it is known
        self._session: "Session | None" = None
        self._deployed: "Deployed | None" = None
        self._included_in: "list[App]" = []

    def run(
        self,
        *,
        reporter: "Reporter | None" = None,
        detach: bool = False,
        interactive: bool = False,
        environment_name: None = None,
    ) -> "AppRun":
        """Runs the app while the `with` block lasts; its containers' output is shown here.

        In `with burrow.enable_output():` its progress is shown, too.
        A nested run() of an app that runs joins it. `async with app.run():` works, too.

        Args:
            detach: calls that have begun when the block ends, or when this process does, go on;
                the app stops when the last of them has ended.
            interactive: False; `burrow shell` gives a terminal in a container.
            environment_name: None; Burrow has workspaces instead.

        Raises:
            ConnectionError: the server cannot be reached.
            ImageBuildError: an image cannot be built.
            InvalidError: a function cannot be loaded remotely, or its files are too large.
        """
        if os.environ.get("BURROW_CONTAINER_ID"):
            raise InvalidError(
                "app.run() was reached in a container, which imports this module: "
                "put it under if __name__ == '__main__':, or in a function."
            )
        refuse_environment(environment_name)
        if interactive:
            raise InvalidError(
                "interactive=True is not possible: use `burrow shell` for a terminal."
            )
        from burrow._client.app_run import AppRun

        return AppRun(self, reporter, detach)

    @with_aio
    def deploy(
        self,
        *,
        name: "str | None" = None,
        environment_name: None = None,
        reporter: "Reporter | None" = None,
    ) -> "App":
        """Makes the app stay on the server, under its name or another one; see docs/deployments.md.

        A deployed app of that name gets these functions instead of those that it has: calls that
        run end in the containers that they are in, all others run the new version.

        Raises:
            ConnectionError: the server cannot be reached.
            ImageBuildError: an image cannot be built.
            InvalidError: a function cannot be loaded remotely, a schedule makes no sense, or neither
                the app has a name nor one is given.
            NotFoundError: a secret does not exist.
        """
        if os.environ.get("BURROW_CONTAINER_ID"):
            raise InvalidError("app.deploy() was reached in a container: deploy from elsewhere.")
        refuse_environment(environment_name)
        from burrow._client.deployments import deploy
        from burrow._deployed import Deployed

        deployment = deploy(self, name and check_name("An app's name", name), reporter)
        self.app_id = deployment.app_id
        self._deployed = Deployed(deployment.calls, deployment.function_ids)
        return self

    @static_with_aio
    def lookup(  # type: ignore[misc]
        name: str, *, environment_name: None = None, create_if_missing: bool = False
    ) -> "App":
        """A deployed app by its name.

        Raises:
            NotFoundError: there is none, and `create_if_missing` is not set.
        """
        from burrow._client.deployments import find_app

        refuse_environment(environment_name)
        app = App(name)
        app.app_id = find_app(app.name, create_if_missing)
        return app

    def include(self, other: "App", inherit_tags: bool = True) -> "App":
        """Makes the functions of another app functions of this one, too; returns this app.

        Args:
            inherit_tags: take the other's tags, too, but for those that this app has.

        Raises:
            InvalidError: both have different functions of one name.
        """
        for key, function in other.functions.items():
            known = self.functions.get(key)
            if known is not None and known is not function:
                raise InvalidError(
                    "The apps %r and %r both have a function named %r: give one another name=."
                    % (self.name, other.name, key)
                )
            self.functions[key] = function
        if inherit_tags:
            self.tags = {**other.tags, **self.tags}
        if self not in other._included_in:
            other._included_in.append(self)
        return self

    @property
    def deployed_name(self) -> str:
        """The name that it is deployed under. Raises InvalidError where it has none."""
        if self.name == _UNNAMED:
            raise InvalidError("The app has no name to be deployed under: give name=, or --name.")
        return self.name

    def _callable(self) -> "Session | Deployed | None":
        """What knows the ids of the app's functions: its run, its deployment, or that of an app
        that includes it; None where there is none."""
        found: "Session | Deployed | None" = self._session or self._deployed
        for including in self._included_in:
            found = found or including._callable()
        return found

    def _as_app(self) -> "App":
        return self

    def __repr__(self) -> str:
        return "<burrow.App %s>" % self.name
