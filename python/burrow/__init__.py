"""Burrow runs decorated Python functions in containers, a heartbeat after you press enter.

Example:
    import burrow

    app = burrow.App("hello")

    @app.function()
    def square(x: int) -> int:
        return x * x

    @app.local_entrypoint()
    def main() -> None:
        print(square.remote(12))

Everything is loaded on first use, because each container imports this package when it starts.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from burrow import exception as exception
    from burrow import functions as functions
    from burrow._call_context import current_call_id as current_call_id
    from burrow._call_context import current_function_call_id as current_function_call_id
    from burrow._call_context import current_input_id as current_input_id
    from burrow._call_context import is_local as is_local
    from burrow._marks import batched as batched
    from burrow._marks import concurrent as concurrent
    from burrow._marks import enter as enter
    from burrow._marks import exit as exit
    from burrow._marks import method as method
    from burrow._marks import parameter as parameter
    from burrow._output import enable_output as enable_output
    from burrow.app import App as App
    from burrow.call import FunctionCall as FunctionCall
    from burrow.cls import Cls as Cls
    from burrow.exception import Error as Error
    from burrow.function import Function as Function
    from burrow.image import Image as Image
    from burrow.retries import Retries as Retries
    from burrow.schedule import Cron as Cron
    from burrow.schedule import Period as Period
    from burrow.secret import Secret as Secret
    from burrow.volume import Volume as Volume

_HOMES = {
    "App": "burrow.app",
    "Cls": "burrow.cls",
    "Cron": "burrow.schedule",
    "Error": "burrow.exception",
    "Function": "burrow.function",
    "FunctionCall": "burrow.call",
    "Image": "burrow.image",
    "Period": "burrow.schedule",
    "Retries": "burrow.retries",
    "Secret": "burrow.secret",
    "Volume": "burrow.volume",
    "batched": "burrow._marks",
    "concurrent": "burrow._marks",
    "current_call_id": "burrow._call_context",
    "current_function_call_id": "burrow._call_context",
    "current_input_id": "burrow._call_context",
    "enable_output": "burrow._output",
    "enter": "burrow._marks",
    "exception": "burrow.exception",
    "exit": "burrow._marks",
    "functions": "burrow.functions",
    "is_local": "burrow._call_context",
    "method": "burrow._marks",
    "parameter": "burrow._marks",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError("module 'burrow' has no attribute %r" % name)
    import sys

    __import__(home)  # importlib would have to be imported first
    module = sys.modules[home]
    value = module if home == "burrow." + name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted(set(globals()) | set(__all__))
