// What clients may send of a function's secrets and schedule, and of a build's secrets. Each function gives
// kInvalidArgument with a sentence.
#pragma once

#include <string_view>

#include "base/error.h"
#include "control/messages.h"

namespace burrow::control {

// `whose` stands in the error: "a secret of f()".
Status CheckEnvironmentSecret(const pb::FunctionSecret& secret, std::string_view whose);
Status CheckFunctionSecrets(const pb::FunctionSpec& spec);
// The time zone is looked for when the schedule is loaded.
Status CheckSchedule(const pb::FunctionSpec& spec);

}  // namespace burrow::control
