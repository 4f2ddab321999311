// Image.run_function(): a Python function runs once in the image under construction. Blocking. Private to this module.
#pragma once

#include <string>
#include <string_view>

#include "builder/step_context.h"

namespace burrow::builder {

// context.step has a run_function. Python's runner package finds the function as in a function's container; what it
// prints is the step's output, what it changes is the image; what it writes into its volumes is committed once it ended
// well.
Result<BuiltImage> RunFunctionStep(const StepContext& context);

// Pure: header and body as docs/runner-protocol.md frames them.
std::string CallFrame(std::string_view header, std::string_view body);

}  // namespace burrow::builder
