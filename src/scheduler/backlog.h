// What callers are told of a queue. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "scheduler/autoscaler.h"

namespace burrow::scheduler {

inline constexpr std::chrono::milliseconds kShortestWait{1'000}, kLongestWait{60'000};

// How long it takes, by the mean run time and the containers that there are, until `calls` of the waiting ones have
// gone to a container: from a second to a minute.
std::chrono::milliseconds WaitForRoom(const FunctionLoad& load, uint32_t calls);
// The same of functions that have one queue together.
std::chrono::milliseconds WaitForSharedRoom(std::span<const FunctionLoad> loads, uint32_t calls);

}  // namespace burrow::scheduler
