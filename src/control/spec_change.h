// What a new specification of a function changes. Pure.
#pragma once

#include "control/messages.h"

namespace burrow::control {

// Whether containers of one are containers of the other, too: they differ at most in when and how often containers
// start and calls are made.
bool SameContainers(const lpb::ContainerSpec& one, const lpb::ContainerSpec& other);

}  // namespace burrow::control
