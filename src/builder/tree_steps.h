// The steps of recipes that need no container. Blocking. Private to this module.
#pragma once

#include "builder/step_context.h"

namespace burrow::builder {

// context.step has a step of that kind.
Result<BuiltImage> EnvStep(const StepContext& context);
Result<BuiltImage> WorkdirStep(const StepContext& context);
Result<BuiltImage> AddFilesStep(const StepContext& context);

}  // namespace burrow::builder
