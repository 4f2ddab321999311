// What clients may send of a function's secrets and schedule. Each function gives kInvalidArgument with a sentence.
#pragma once

#include "base/error.h"
#include "control/messages.h"

namespace burrow::control {

Status CheckFunctionSecrets(const pb::FunctionSpec& spec);
// The time zone is looked for when the schedule is loaded.
Status CheckSchedule(const pb::FunctionSpec& spec);

}  // namespace burrow::control
