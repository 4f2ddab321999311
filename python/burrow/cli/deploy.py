"""`burrow deploy` and `burrow app history`."""

from __future__ import annotations

import sys
from datetime import datetime

from burrow._client.config import load_config
from burrow._client.deployments import deploy as deploy_app
from burrow._client.reporter import Reporter
from burrow._client.transport import Transport
from burrow.app import App
from burrow.cli.load_app import import_file
from burrow.cli.tables import table
from burrow.exception import Error, InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from types import ModuleType


def deploy(options: "Namespace") -> int:
    """`burrow deploy`"""
    path, _, variable = options.file.partition("::")
    try:
        module = import_file(path)
    except Error:
        raise
    except Exception as error:
        from burrow.cli.traceback_text import traceback_text

        sys.stderr.write(traceback_text(error))
        return 1
    app = find_app(module, variable, path)
    if options.name:
        from burrow._options import check_name

        check_name("--name", options.name)
    name = options.name or app.deployed_name
    deployment = deploy_app(app, name, _reporter(options.quiet))
    print("Deployed %s (%s), version %d" % (name, deployment.app_id, deployment.version))
    for function in sorted(deployment.function_ids):
        next_run = deployment.next_runs_ms.get(function)
        line = "  %s()" % function
        if next_run:
            line += ", called next at %s" % _local_time(next_run)
        print(line)
    return 0


def find_app(module: "ModuleType", variable: str, path: str) -> App:
    """The app of a module: the one that `variable` names, the variable `app`, or the only one.

    Raises:
        InvalidError: there is none, or several.
    """
    apps = {name: value for name, value in vars(module).items() if isinstance(value, App)}
    if variable:
        if variable in apps:
            return apps[variable]
        raise InvalidError(
            "%s has no app %s; it has %s." % (path, variable, ", ".join(apps) or "none at all")
        )
    if "app" in apps:
        return apps["app"]
    if len({id(value) for value in apps.values()}) == 1:
        return next(iter(apps.values()))
    if not apps:
        raise InvalidError(
            "%s defines no app: it needs a line like app = burrow.App('name')." % path
        )
    raise InvalidError(
        "%s has several apps: choose one of %s, like burrow deploy %s::%s"
        % (path, ", ".join(apps), path, next(iter(apps)))
    )


def show_history(options: "Namespace") -> int:
    """`burrow app history`"""
    answer = Transport(load_config()).unary("Deployments/History", {"app": options.app})
    rows = [
        [
            str(item.get("version", 0)),
            _local_time(int(item.get("deployedMs", 0))),
            ", ".join(item.get("functions", ())) or "-",
        ]
        for item in answer.get("versions", ())
    ]
    sys.stdout.write(table(["VERSION", "DEPLOYED", "FUNCTIONS"], rows))
    return 0


def _reporter(quiet: bool) -> Reporter:
    if quiet:
        return Reporter()
    from burrow.cli.plain_report import PlainReport

    return PlainReport()


def _local_time(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
