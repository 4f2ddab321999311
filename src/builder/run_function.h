// Image.run_function(): a Python function runs once in the image under construction. Blocking. Private to this module.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "builder/step_context.h"

namespace burrow::builder {

// context.step has a run_function. Python's runner package finds the function as in a function's container; what it
// prints is the step's output, what it changes is the image; what it writes into its volumes is committed once it ended
// well.
Result<BuiltImage> RunFunctionStep(const StepContext& context);

// Pure: the variables of a secret, NAME=value a line; blank lines and those that begin with '#' are left out. The error
// names the line, never what it holds.
Result<std::vector<std::pair<std::string, std::string>>> SecretVariables(const burrow::v1::BuildSecret& secret);

// Pure: header and body as docs/runner-protocol.md frames them.
std::string CallFrame(std::string_view header, std::string_view body);

}  // namespace burrow::builder
