// Small helpers around coroutines of one IoContext.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "net/blocking_pool.h"
#include "net/task.h"

namespace burrow::worker {

// Runs all of `work` on the pool at once and resumes when the last has finished. Throws what one of them threw.
net::Task<void> RunAllBlocking(net::BlockingPool& pool, std::vector<std::function<void()>> work);

// True when the descriptor became readable in time. It stays the caller's.
net::Task<bool> WaitReadable(int fd, std::chrono::milliseconds deadline);

}  // namespace burrow::worker
