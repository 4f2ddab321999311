// An IoContext with a thread of its own, for tests that talk to it from outside.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>
#include <utility>

#include "net/task.h"

namespace burrow::net::testing {

// Destroy what lives on the loop by Do() first; the destructor lets pending work finish.
class LoopThread {
 public:
  LoopThread() : thread_([this] { io_.run(); }) {}
  ~LoopThread() { Join(); }

  IoContext& io() { return io_; }

  // Runs `work` on the loop's thread and returns what it returns.
  template <class F>
  decltype(auto) Do(F work) {
    std::packaged_task<std::invoke_result_t<F&>()> task(std::move(work));
    auto result = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return result.get();
  }
  template <class T>
  std::future<T> Start(Task<T> task) {
    return boost::asio::co_spawn(io_, std::move(task), boost::asio::use_future);
  }
  void Join() {
    guard_.reset();
    if (thread_.joinable()) thread_.join();
  }

 private:
  IoContext io_{1};
  boost::asio::executor_work_guard<IoContext::executor_type> guard_{io_.get_executor()};
  std::thread thread_;
};

}  // namespace burrow::net::testing
