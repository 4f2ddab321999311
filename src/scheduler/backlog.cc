#include "scheduler/backlog.h"

#include <algorithm>

namespace burrow::scheduler {

std::chrono::milliseconds WaitForRoom(const FunctionLoad& load, uint32_t calls) {
  return WaitForSharedRoom(std::span(&load, 1), calls);
}

std::chrono::milliseconds WaitForSharedRoom(std::span<const FunctionLoad> loads, uint32_t calls) {
  double calls_per_ms = 0;
  for (const FunctionLoad& load : loads) {
    if (!load.mean_run_ms || !(*load.mean_run_ms > 0)) continue;
    calls_per_ms += std::max(1.0, static_cast<double>(load.ready) + load.starting) / *load.mean_run_ms;
  }
  if (!(calls_per_ms > 0)) return kShortestWait;
  const double wait_ms = calls / calls_per_ms;
  return std::chrono::milliseconds(static_cast<int64_t>(
      std::clamp(wait_ms, static_cast<double>(kShortestWait.count()), static_cast<double>(kLongestWait.count()))));
}

}  // namespace burrow::scheduler
