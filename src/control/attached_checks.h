// What clients may attach to the containers of a function. kInvalidArgument with a sentence that names what is wrong.
#pragma once

#include <string_view>

#include "base/error.h"
#include "control/messages.h"

namespace burrow::control {

// Absolute, in normal form, not "/" and nothing of the containers' own; `what` is put there ("a volume").
Status CheckDestination(std::string_view what, std::string_view path);

// Destinations are absolute, in normal form, and neither the containers' own nor inside of each other: what is mounted
// at one must not have to be made in the files of another, which containers share.
Status CheckAttached(const pb::FunctionSpec& spec);

}  // namespace burrow::control
