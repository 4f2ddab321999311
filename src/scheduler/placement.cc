#include "scheduler/placement.h"

#include <tuple>

namespace burrow::scheduler {
namespace {

constexpr double kCpuOvercommit = 4;

bool Fits(const Demand& demand, const WorkerCapacity& worker, double reserved_cpus, uint64_t reserved_memory) {
  if (worker.draining || reserved_memory > worker.memory) return false;
  return demand.memory <= worker.memory - reserved_memory &&
         reserved_cpus + demand.cpus <= worker.cpus * kCpuOvercommit;
}

// Smaller is better: cores of its own before shared ones; then a worker that knows the function; then the least shared
// cores; then the tightest fit, which keeps large gaps for large containers.
auto Score(const Demand& demand, const WorkerCapacity& worker) {
  const double cpus_after = worker.reserved_cpus + demand.cpus;
  const double shared = cpus_after > worker.cpus && worker.cpus > 0 ? cpus_after / worker.cpus : 0;
  const bool cold = worker.containers_of_function == 0;
  return std::tuple(shared > 0, cold, shared, worker.memory - worker.reserved_memory);
}

}  // namespace

std::optional<size_t> Place(const Demand& demand, std::span<const WorkerCapacity> workers) {
  std::optional<size_t> best;
  for (size_t i = 0; i < workers.size(); ++i) {
    if (!Fits(demand, workers[i], workers[i].reserved_cpus, workers[i].reserved_memory)) continue;
    if (!best || Score(demand, workers[i]) < Score(demand, workers[*best])) best = i;
  }
  return best;
}

bool CouldEverFit(const Demand& demand, std::span<const WorkerCapacity> workers) {
  for (const WorkerCapacity& worker : workers) {
    if (Fits(demand, worker, 0, 0)) return true;
  }
  return false;
}

}  // namespace burrow::scheduler
