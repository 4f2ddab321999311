// How many containers a function should have. Pure: numbers in, decision out; asked at every event, never on a tick.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace burrow::scheduler {

// A running call that takes longer than this tells nothing any more about when its container will be free.
inline constexpr std::chrono::milliseconds kOverdueAfter{150};

// A function's containers and calls at one moment.
struct FunctionLoad {
  uint32_t queued = 0;    // calls waiting for a slot
  uint32_t running = 0;   // calls in containers
  uint32_t starting = 0;  // containers not ready yet
  uint32_t ready = 0;     // containers ready, busy or not
  uint32_t overdue = 0;  // of these, the busy ones whose call has run for kOverdueAfter: no waiting call counts on them
  uint32_t min_containers = 0;
  uint32_t max_containers = 0;  // 0: no bound of its own
  uint32_t spent = 0;           // containers that take no further call, beside those above; their calls are in no count
  uint32_t buffer_containers = 0;   // to be there beyond what calls need, while there are calls
  uint32_t target_concurrency = 1;  // calls that one container is to run at once
  // Starts that failed in a row: above a few, only one container at a time is tried.
  uint32_t failed_starts = 0;
  // Mean run time of recent calls; absent before the first.
  std::optional<double> mean_run_ms;
};

struct ScaleDecision {
  uint32_t start = 0;  // containers to start now
};

// Short calls (mean * queue below what a start costs) do not start a container for each waiting call.
ScaleDecision DecideScale(const FunctionLoad& load);

// Calls that may be in one container at once, the running one included: more than one only for calls so short that the
// way to the container would cost more than the call; 1 while the mean is unknown. At most 64.
uint32_t DispatchCredit(std::optional<double> mean_run_ms);

// Whether a container idle for `idle` may stop: the window has passed, and the function keeps min_containers and, while
// there are calls, buffer_containers beyond those that are busy.
bool MayStopIdle(const FunctionLoad& load, std::chrono::milliseconds idle, std::chrono::milliseconds window);

}  // namespace burrow::scheduler
