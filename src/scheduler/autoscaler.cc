#include "scheduler/autoscaler.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace burrow::scheduler {
namespace {

// What a start costs: work that is done sooner than this is better left to the containers that are there.
constexpr auto kStartCostMs = static_cast<double>(kOverdueAfter.count());
// What the way to a container and back costs a call.
constexpr double kWayMs = 1;
constexpr uint32_t kMaxCredit = 64;
constexpr uint32_t kFewFailures = 3;
// Keeps divisions finite for calls that take no measurable time.
constexpr double kShortestRunMs = 0.001;

std::optional<double> UsableMean(std::optional<double> mean_run_ms) {
  if (!mean_run_ms || std::isnan(*mean_run_ms)) return std::nullopt;
  return std::max(*mean_run_ms, kShortestRunMs);
}

uint32_t Saturated(double count) {
  return count >= std::numeric_limits<uint32_t>::max() ? std::numeric_limits<uint32_t>::max()
                                                       : static_cast<uint32_t>(count);
}

// Where one container runs several calls at once, those in containers and those that wait share the containers alike:
// each is to have the target, or as many short ones as it can run within the cost of a start.
double WantedForTarget(const FunctionLoad& load) {
  const auto mean = UsableMean(load.mean_run_ms);
  const double rounds = mean ? std::max(1.0, kStartCostMs / *mean) : 1.0;
  return std::ceil((static_cast<double>(load.queued) + load.running) / (load.target_concurrency * rounds));
}

// Containers that calls deserve: the busy ones, and those for waiting calls. One that is free or starting takes at
// least one of them; a busy one takes as many as it can run within the cost of a start, unless its call is overdue: the
// mean says nothing about that one.
double WantedForCalls(const FunctionLoad& load) {
  if (load.target_concurrency > 1) return WantedForTarget(load);
  const auto mean = UsableMean(load.mean_run_ms);
  const double calls_per_start = mean ? kStartCostMs / *mean : 0;
  const double of_available = std::max(1.0, calls_per_start);
  const double of_busy = calls_per_start >= 1 ? calls_per_start : 0;

  const uint32_t occupied = std::min(load.running, load.ready);
  const double busy = occupied - std::min(load.overdue, occupied);
  const double uncovered = load.queued - busy * of_busy;
  return occupied + (uncovered <= 0 ? 0 : std::ceil(uncovered / of_available));
}

bool Active(const FunctionLoad& load) { return load.queued > 0 || load.running > 0; }

uint32_t NeededForCalls(const FunctionLoad& load) {
  const double wanted = WantedForCalls(load) + (Active(load) ? load.buffer_containers : 0);
  const double present = static_cast<double>(load.ready) + load.starting;
  return wanted <= present ? 0 : Saturated(wanted - present);
}

}  // namespace

ScaleDecision DecideScale(const FunctionLoad& load) {
  const uint64_t present = static_cast<uint64_t>(load.ready) + load.starting;
  const auto missing_from = [present](uint32_t bound) {
    return bound > present ? static_cast<uint32_t>(bound - present) : 0;
  };

  uint32_t start = std::max(NeededForCalls(load), missing_from(load.min_containers));
  if (load.max_containers > 0) {
    const uint32_t bound = load.max_containers - std::min(load.max_containers, load.spent);
    start = std::min(start, missing_from(bound));
  }
  if (load.failed_starts >= kFewFailures) start = load.starting > 0 ? 0 : std::min(start, 1u);
  return {.start = start};
}

uint32_t DispatchCredit(std::optional<double> mean_run_ms) {
  const auto mean = UsableMean(mean_run_ms);
  if (!mean) return 1;
  return std::min(kMaxCredit, 1 + static_cast<uint32_t>(kWayMs / *mean));
}

bool MayStopIdle(const FunctionLoad& load, std::chrono::milliseconds idle, std::chrono::milliseconds window) {
  if (idle < window || load.ready <= load.min_containers) return false;
  if (load.buffer_containers == 0 || !Active(load)) return true;
  const uint32_t busy = std::min(load.running, load.ready);
  return load.ready - busy > load.buffer_containers;
}

}  // namespace burrow::scheduler
