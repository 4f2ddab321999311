// A few threads for work that blocks (disk, mounts, process launch), awaited from coroutines.
//
// Lifetime rule: a pool is destroyed before the IoContexts whose coroutines wait on it (declare it after them). An
// IoContext may be stopped while work runs: the finished work then waits in it, and is dropped with it.
#pragma once

#include <functional>
#include <memory>
#include <type_traits>

#include "net/task.h"

namespace burrow::net {

class BlockingPool {
 public:
  explicit BlockingPool(unsigned threads);
  ~BlockingPool();  // finishes what runs, drops what waits
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  // Any thread. An exception that leaves `work` is logged and goes no further.
  void Post(std::function<void()> work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Runs `work` on the pool and resumes the awaiting coroutine on its own executor with the value; an exception that
// leaves `work` is thrown there. Not cancellable once begun: a cancelled coroutine goes on when the work is done. What
// `work` captured is destroyed on the pool's thread before the coroutine resumes.
template <class F>
auto RunBlocking(BlockingPool& pool, F work) -> Task<std::invoke_result_t<F&>>;

}  // namespace burrow::net

#include "net/blocking_pool_impl.h"
