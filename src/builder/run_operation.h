// RUN of a Dockerfile. Blocking. Private to this module.
#pragma once

#include "builder/step_context.h"

namespace burrow::builder {

// context.step has `run`.
Result<BuiltImage> RunOperationStep(const StepContext& context);

}  // namespace burrow::builder
