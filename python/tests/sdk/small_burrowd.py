"""The API's behaviour in one process: runs an app's functions from the uploaded source in threads."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import os
import pickle
import queue
import sys
import tempfile
import threading
import traceback
from typing import Any, Dict, Iterator, List

from fake_server import ConnectFailure, FakeServer

from burrow import _class_parts


class SmallBurrowd(FakeServer):
    """A FakeServer with apps, images that build at once, and calls that really run."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.changed = threading.Condition()
        self.stopped: List[Dict[str, Any]] = []
        self.cancelled: List[Dict[str, Any]] = []
        self.groups: Dict[str, "Group"] = {}
        self.results: Dict[str, Dict[str, Any]] = {}
        self.functions: Dict[str, Any] = {}
        self.events: "queue.Queue[Any]" = queue.Queue()
        self.build_error = ""
        self.methods.update(
            {
                "Apps/Create": lambda request: {"appId": "ap-1"},
                "Apps/Publish": self.publish,
                "Apps/Bind": self.bind,
                "Apps/Stop": self.stop,
                "Apps/Watch": lambda request: self.watch(),
                "Images/Build": self.build,
                "Calls/Invoke": self.invoke,
                "Calls/Submit": self.submit,
                "Calls/Wait": self.wait,
                "Calls/Outputs": self.outputs,
                "Calls/Cancel": self.cancel,
            }
        )

    def build(self, request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        yield {"buildId": "bd-1"}
        yield {"step": {"state": "STATE_CACHED", "description": "debian_slim"}}
        if self.build_error:
            raise ConnectFailure("failed_precondition", self.build_error)
        yield {"image": {"imageId": "im-1"}}

    def publish(self, request: Dict[str, Any]) -> Dict[str, Any]:
        root = os.path.join(self.directory.name, "source")
        for file in request["source"]:
            path = os.path.join(root, file["path"])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                stream.write(self.blobs[file["digest"]])
        for spec in request["functions"]:
            self.functions["fn-" + spec["name"]] = self._load(root, spec)
        return {
            "functionIds": {spec["name"]: "fn-" + spec["name"] for spec in request["functions"]}
        }

    def bind(self, request: Dict[str, Any]) -> Dict[str, Any]:
        base = self.functions[request["functionId"]]
        values = {}
        for value in request["parameters"]:
            ((kind, said),) = ((k, v) for k, v in value.items() if k != "name")
            read: Any = {"number": int, "data": base64.b64decode}.get(kind, lambda value: value)
            values[value["name"]] = read(said)
        bound = "%s-%d" % (request["functionId"], len(self.functions))
        self.functions[bound] = _Instance(base.user_class, values)
        return {"functionId": bound}

    def _load(self, root: str, spec: Dict[str, Any]) -> Any:
        if "pickled" in spec:
            return pickle.loads(base64.b64decode(spec["pickled"]["inline"]))
        file = os.path.join(root, spec["module"].replace(".", "/") + ".py")
        found = importlib.util.spec_from_file_location("remote_" + spec["module"], file)
        assert found is not None and found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[module.__name__] = module
        sys.path.insert(0, root)
        try:
            found.loader.exec_module(module)
        finally:
            sys.path.remove(root)
        decorated = getattr(module, spec["qualname"])
        if "classSpec" in spec:
            return _Instance(decorated._burrow_raw_class, {})
        return decorated._burrow_raw_function

    def stop(self, request: Dict[str, Any]) -> Dict[str, Any]:
        self.stopped.append(request)
        self.say("last words")
        self.events.put(None)
        return {}

    def say(self, text: str, **fields: Any) -> None:
        self.events.put({"log": dict({"stream": "LOG_STREAM_STDOUT", "text": text}, **fields)})

    def watch(self) -> Iterator[Dict[str, Any]]:
        yield {"app": {"appId": "ap-1"}}
        while True:
            event = self.events.get()
            if event is None:
                return
            yield event

    def run(self, function_id: str, call: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        """Yields the items of a generator, then the result."""
        function = self.functions[function_id]
        phases = [{"name": "queue", "ms": 1.0}, {"name": "run", "ms": 2.0}]
        result = {"callId": call["callId"], "phases": phases, "attempt": 1}
        try:
            args, kwargs = pickle.loads(self.bytes_of(call["arguments"]))
            if "method" in call:
                function = getattr(function.instance, call["method"])
            value = function(*args, **kwargs)
            if hasattr(value, "__await__"):
                value = asyncio.run(value)
            if hasattr(value, "__next__"):
                for position, item in enumerate(value):
                    yield {"item": self.payload(item), "itemIndex": position}
                value = None
            result.update(status="CALL_STATUS_SUCCESS", value=self.payload(value))
        except Exception as error:
            frames = [
                {"file": f.filename, "line": f.lineno, "function": f.name, "source": f.line}
                for f in traceback.extract_tb(error.__traceback__)[1:]
            ]
            result.update(
                status="CALL_STATUS_USER_ERROR",
                error={
                    "type": type(error).__name__,
                    "message": str(error),
                    "frames": frames,
                    "pickled": self.payload(error),
                },
            )
        yield {"result": result}

    def payload(self, value: Any) -> Dict[str, str]:
        return {"inline": base64.b64encode(pickle.dumps(value)).decode()}

    def bytes_of(self, payload: Dict[str, str]) -> bytes:
        if "digest" in payload:
            return self.blobs[payload["digest"]]
        return base64.b64decode(payload["inline"])

    def invoke(self, request: Dict[str, Any]) -> Dict[str, Any]:
        *_, last = self.run(request["functionId"], request["input"])
        result: Dict[str, Any] = last["result"]
        return result

    def submit(self, request: Dict[str, Any]) -> Dict[str, Any]:
        inputs = request.get("inputs", [])
        name = request.get("groupId") or inputs[0]["callId"]
        with self.changed:
            group = self.groups.setdefault(name, Group())
        for call in inputs:
            for output in self.run(request["functionId"], call):
                output["callId"] = call["callId"]
                output["index"] = call.get("index", 0)
                with self.changed:
                    group.outputs.append(output)
                    if "result" in output:
                        self.results[call["callId"]] = output["result"]
                    self.changed.notify_all()
        with self.changed:
            group.closed = group.closed or bool(request.get("closeGroup"))
            self.changed.notify_all()
        return {"accepted": len(inputs)}

    def wait(self, request: Dict[str, Any]) -> Dict[str, Any]:
        result = self.results.get(request["callId"])
        if result is None:
            raise ConnectFailure("not_found", "There is no call %s." % request["callId"], 404)
        return result

    def outputs(self, request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        group = self.groups[request.get("groupId") or request["callId"]]
        cursor = int(request.get("cursor", "0"))
        while True:
            with self.changed:
                while cursor == len(group.outputs) and not group.closed:
                    self.changed.wait(10)
                fresh = group.outputs[cursor:]
                if not fresh:
                    return
            # The last input comes first, so that clients have something to put in order.
            cursor += len(fresh)
            yield {"outputs": fresh[::-1] if "groupId" in request else fresh, "cursor": str(cursor)}

    def cancel(self, request: Dict[str, Any]) -> Dict[str, Any]:
        self.cancelled.append(request)
        with self.changed:
            group = self.groups.get(request.get("groupId", ""))
            if group is not None:
                group.closed = True
            self.changed.notify_all()
        return {"cancelled": 1}


class _Instance:
    """An object of a class, made when it is first called."""

    def __init__(self, user_class: Any, values: Dict[str, Any]) -> None:
        self.user_class = user_class
        self.values = values
        self._instance: Any = None

    @property
    def instance(self) -> Any:
        if self._instance is None:
            parts = _class_parts.parts_of(self.user_class)
            values = _class_parts.check_values("class", parts, self.values)
            self._instance = _class_parts.construct(self.user_class, values)
        return self._instance


class Group:
    def __init__(self) -> None:
        self.outputs: List[Dict[str, Any]] = []
        self.closed = False
