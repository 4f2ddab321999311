// What a variant changes in the specification of its function. Pure.
#pragma once

#include "control/messages.h"

namespace burrow::control {

// Sets what `overrides` has. Calls at once and batches exclude each other: setting one takes away the other.
void ApplyOverrides(const pb::SpecOverrides& overrides, pb::FunctionSpec& spec);

}  // namespace burrow::control
