"""Code can tell where it runs, and as which call."""

import burrow as modal

app = modal.App("call-ids")


@app.function()
def who() -> tuple:
    return modal.current_function_call_id(), modal.current_input_id(), modal.is_local()


@app.local_entrypoint()
def main():
    call = who.spawn()
    call_id, input_id, local = call.get()
    print(call_id == call.object_id, input_id is not None, local)
    print(modal.current_function_call_id(), modal.is_local())


# prints:
# True True False
# None True
