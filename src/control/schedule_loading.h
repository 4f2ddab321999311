// A schedule as clients send it, ready to be asked for times.
#pragma once

#include <string>

#include "base/error.h"
#include "control/messages.h"
#include "scheduler/schedule.h"

namespace burrow::control {

inline constexpr const char* kZoneDirectory = "/usr/share/zoneinfo";

// Reads the time zone's file, so it blocks; any thread. kInvalidArgument where there is no such zone, or it or the
// expression cannot be understood. UTC needs no file.
Result<scheduler::CallSchedule> LoadSchedule(const pb::Schedule& schedule, const std::string& zones = kZoneDirectory);

}  // namespace burrow::control
