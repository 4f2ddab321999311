#include "scheduler/backlog.h"

#include <algorithm>

namespace burrow::scheduler {

std::chrono::milliseconds WaitForRoom(const FunctionLoad& load, uint32_t calls) {
  if (!load.mean_run_ms || !(*load.mean_run_ms > 0)) return kShortestWait;
  const double containers = std::max(1.0, static_cast<double>(load.ready) + load.starting);
  const double wait_ms = *load.mean_run_ms * calls / containers;
  return std::chrono::milliseconds(static_cast<int64_t>(
      std::clamp(wait_ms, static_cast<double>(kShortestWait.count()), static_cast<double>(kLongestWait.count()))));
}

}  // namespace burrow::scheduler
