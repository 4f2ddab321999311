#include "scheduler/placement.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace burrow::scheduler {
namespace {

constexpr uint64_t kGiB = 1ull << 30;

// Evenly from [low, high), from the first case on.
template <class T>
T Uniform(T low, T high) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(low, high));
}

Demand AnyDemand() { return {.cpus = Uniform(0, 40) / 4.0, .memory = Uniform<uint64_t>(0, 16) * kGiB / 2}; }
std::vector<WorkerCapacity> AnyWorkers() {
  std::vector<WorkerCapacity> workers(Uniform<size_t>(0, 6));
  for (WorkerCapacity& worker : workers) {
    worker = {.cpus = static_cast<double>(Uniform(0, 5)),
              .reserved_cpus = Uniform(0, 40) / 4.0,
              .memory = Uniform<uint64_t>(0, 9) * kGiB,
              .reserved_memory = Uniform<uint64_t>(0, 9) * kGiB,
              .containers_of_function = Uniform<uint32_t>(0, 3),
              .draining = Uniform(0, 4) == 0};
  }
  return workers;
}

RC_GTEST_PROP(Placement, NeverPromisesMemoryOrCoresThatAreNotThere, ()) {
  const Demand demand = AnyDemand();
  const auto workers = AnyWorkers();
  const auto chosen = Place(demand, workers);
  if (!chosen) return;
  RC_ASSERT(*chosen < workers.size());
  const WorkerCapacity& worker = workers[*chosen];
  RC_ASSERT(!worker.draining);
  RC_ASSERT(worker.reserved_memory + demand.memory <= worker.memory);
  RC_ASSERT(worker.reserved_cpus + demand.cpus <= 4 * worker.cpus);
}

RC_GTEST_PROP(Placement, FindsAWorkerWheneverOneFits, ()) {
  const Demand demand = AnyDemand();
  const auto workers = AnyWorkers();
  bool fits = false;
  for (const WorkerCapacity& worker : workers) {
    fits |= !worker.draining && worker.reserved_memory + demand.memory <= worker.memory &&
            worker.reserved_cpus + demand.cpus <= 4 * worker.cpus;
  }
  RC_ASSERT(Place(demand, workers).has_value() == fits);
}

RC_GTEST_PROP(Placement, CouldEverFitIsPlacementOnEmptiedWorkers, ()) {
  const Demand demand = AnyDemand();
  auto workers = AnyWorkers();
  const bool could = CouldEverFit(demand, workers);
  for (WorkerCapacity& worker : workers) worker.reserved_cpus = 0, worker.reserved_memory = 0;
  RC_ASSERT(Place(demand, workers).has_value() == could);
}

TEST(Placement, FindsNothingWithoutWorkers) {
  EXPECT_FALSE(Place({.cpus = 1, .memory = kGiB}, {}).has_value());
  EXPECT_FALSE(CouldEverFit({.cpus = 1, .memory = kGiB}, {}));
}

TEST(Placement, PrefersAWorkerThatRunsTheFunctionAlready) {
  const std::vector<WorkerCapacity> workers = {{.cpus = 4, .memory = 8 * kGiB},
                                               {.cpus = 4, .memory = 8 * kGiB, .containers_of_function = 1}};
  EXPECT_EQ(Place({.cpus = 1, .memory = kGiB}, workers), 1u);
}

TEST(Placement, PrefersCoresOfItsOwnOverAWarmWorker) {
  const std::vector<WorkerCapacity> workers = {
      {.cpus = 2, .reserved_cpus = 2, .memory = 8 * kGiB, .containers_of_function = 1},
      {.cpus = 2, .memory = 8 * kGiB}};
  EXPECT_EQ(Place({.cpus = 1, .memory = kGiB}, workers), 1u);
}

TEST(Placement, FillsTheTightestGap) {
  const std::vector<WorkerCapacity> workers = {{.cpus = 4, .memory = 8 * kGiB},
                                               {.cpus = 4, .memory = 8 * kGiB, .reserved_memory = 6 * kGiB}};
  EXPECT_EQ(Place({.cpus = 1, .memory = kGiB}, workers), 1u);
}

TEST(Placement, DoesNotWrapAroundForAbsurdDemands) {
  const std::vector<WorkerCapacity> workers = {{.cpus = 4, .memory = 8 * kGiB, .reserved_memory = kGiB}};
  EXPECT_FALSE(Place({.cpus = 1, .memory = UINT64_MAX}, workers).has_value());
  EXPECT_FALSE(CouldEverFit({.cpus = 1, .memory = UINT64_MAX}, workers));
  EXPECT_FALSE(CouldEverFit({.cpus = 1e300, .memory = kGiB}, workers));
}

}  // namespace
}  // namespace burrow::scheduler
