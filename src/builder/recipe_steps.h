// The steps of recipes that run fixed scripts in a container. Blocking. Private to this module.
#pragma once

#include "builder/step_context.h"

namespace burrow::builder {

// context.step has a step of that kind.
Result<BuiltImage> AptInstallStep(const StepContext& context);
Result<BuiltImage> RunCommandsStep(const StepContext& context);
Result<BuiltImage> PipInstallStep(const StepContext& context);
Result<BuiltImage> AddPythonStep(const StepContext& context);

}  // namespace burrow::builder
