// Which worker gets a new container. Pure. Reservations are the truth: a worker's free share is what it has less what
// its containers reserved.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace burrow::scheduler {

struct WorkerCapacity {
  double cpus = 0, reserved_cpus = 0;
  uint64_t memory = 0, reserved_memory = 0;  // bytes
  uint32_t containers_of_function = 0;       // warm page cache and image
  bool draining = false;
};
struct Demand {
  double cpus = 0;
  uint64_t memory = 0;
};

// Index of the worker, or none when it fits nowhere now. CPUs may be overcommitted (they are shares) up to 4 times;
// memory may not.
std::optional<size_t> Place(const Demand& demand, std::span<const WorkerCapacity> workers);

// Whether any of the workers, empty, could hold it at all: if not, waiting is pointless.
bool CouldEverFit(const Demand& demand, std::span<const WorkerCapacity> workers);

}  // namespace burrow::scheduler
