// The template of blocking_pool.h.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace burrow::net {
namespace internal {

// Runs `work`, which must not throw, on the pool and resumes afterwards.
Task<void> RunOnPool(BlockingPool& pool, std::function<void()> work);

// One piece of work and what came of it; shared by the pool's thread and the coroutine, which use it one after the
// other.
template <class F>
class BlockingJob {
 public:
  using Value = std::invoke_result_t<F&>;
  explicit BlockingJob(F work) : work_(std::move(work)) {}

  void Run() {
    try {
      if constexpr (std::is_void_v<Value>) {
        (*work_)();
      } else {
        value_.emplace((*work_)());
      }
    } catch (...) {
      thrown_ = std::current_exception();
    }
    work_.reset();
  }

  Value Take() {
    if (thrown_) std::rethrow_exception(thrown_);
    if constexpr (!std::is_void_v<Value>) return std::move(*value_);
  }

 private:
  struct Nothing {};
  std::optional<F> work_;
  std::optional<std::conditional_t<std::is_void_v<Value>, Nothing, Value>> value_;
  std::exception_ptr thrown_;
};

}  // namespace internal

template <class F>
auto RunBlocking(BlockingPool& pool, F work) -> Task<std::invoke_result_t<F&>> {
  auto job = std::make_shared<internal::BlockingJob<F>>(std::move(work));
  std::function<void()> run = [job] { job->Run(); };
  co_await internal::RunOnPool(pool, std::move(run));
  co_return job->Take();
}

}  // namespace burrow::net
