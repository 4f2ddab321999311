// The first step of a recipe: an image from nothing. Blocking. Private to this module.
#pragma once

#include "builder/step_context.h"

namespace burrow::builder {

// context.step has a base: "debian_slim" or "scratch". Those from registries are control's affair.
Result<BuiltImage> BaseImageStep(const StepContext& context);

}  // namespace burrow::builder
