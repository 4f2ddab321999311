// Blocking work in order on threads of its own, its outcome handed back on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "net/blocking_pool.h"
#include "net/task.h"

namespace burrow::control {

// Loop's thread only. With one thread, work runs in the order in which it was given.
class Background {
 public:
  Background(net::IoContext& io, unsigned threads);
  // Finishes what runs, drops what waits; no `done` is called afterwards.
  ~Background();

  // Runs `work` on the pool, then `done(its value)` here. Goes on whatever becomes of the coroutine that asked.
  template <class Work, class Done>
  void Run(Work work, Done done) {
    using Value = decltype(work());
    auto value = std::make_shared<std::optional<Value>>();
    auto shared_work = std::make_shared<Work>(std::move(work));
    auto shared_done = std::make_shared<Done>(std::move(done));
    Post([value, shared_work] { value->emplace((*shared_work)()); },
         [value, shared_done] {
           if (*value) (*shared_done)(std::move(**value));
         });
  }

  template <class Work>
  auto Ask(Work work) -> net::Task<decltype(work())> {
    return net::RunBlocking(*pool_, std::move(work));
  }

  net::BlockingPool& pool() { return *pool_; }
  size_t pending() const { return *pending_; }  // of Run

 private:
  void Post(std::function<void()> work, std::function<void()> done);

  net::IoContext& io_;
  std::shared_ptr<size_t> pending_;  // doubles as the sign of life for `done`
  std::unique_ptr<net::BlockingPool> pool_;
};

}  // namespace burrow::control
