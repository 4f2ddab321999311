// Notices when a container has written more than it may. Everything runs on the IoContext's one thread, but for the
// measuring, which runs on the pool.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/blocking_pool.h"
#include "net/task.h"

namespace burrow::worker {

struct DiskBoundOptions {
  std::vector<std::string> directories;  // what lies below them counts, but for what is mounted there
  uint64_t bytes = 0;
  std::chrono::milliseconds pause{2'000};  // between two looks, at least: they take a fiftieth of the time
};

class DiskBound {
 public:
  // Looks until it is destroyed; calls `on_exceeded` at most once.
  DiskBound(net::IoContext& io, net::BlockingPool& pool, DiskBoundOptions options, std::function<void()> on_exceeded);
  ~DiskBound();

 private:
  struct State;
  static net::Task<void> Watch(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace burrow::worker
