// Runs independent pieces of work on a few threads.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"

namespace burrow::image {

// Calls work(i) for each i below `count`, on up to `threads` threads; returns when all have ended. After a failure no
// new piece is begun, and one of the failures is returned.
template <class Work>
Status ParallelFor(size_t count, size_t threads, Work work) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> failure;  // guarded by mutex
  auto fail = [&](Error error) {
    next.store(count);
    std::lock_guard lock(mutex);
    if (!failure) failure = std::move(error);
  };
  auto loop = [&] {
    try {
      for (size_t i; (i = next.fetch_add(1)) < count;) {
        if (Status status = work(i); !status) return fail(std::move(status.error()));
      }
    } catch (const std::exception& e) {
      fail(Error(Code::kInternal, e.what()));
    }
  };
  {
    std::vector<std::jthread> others;
    for (size_t t = 1; t < threads && t < count; ++t) others.emplace_back(loop);
    loop();
  }
  if (failure) return Forward(std::move(*failure));
  return {};
}

}  // namespace burrow::image
