#include "net/blocking_pool.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.h"

namespace burrow::net {
namespace asio = boost::asio;

struct BlockingPool::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> waiting;  // guarded by mutex
  bool stopping = false;                      // guarded by mutex
  std::vector<std::thread> threads;

  void RunThread() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return stopping || !waiting.empty(); });
      if (stopping) return;
      std::function<void()> work = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      RunOne(work);
      work = nullptr;
      lock.lock();
    }
  }

  static void RunOne(const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception& e) {
      LogError("work on the blocking pool threw: {}", e.what());
    } catch (...) {
      LogError("work on the blocking pool threw something unknown");
    }
  }
};

BlockingPool::BlockingPool(unsigned threads) : state_(std::make_unique<State>()) {
  for (unsigned i = 0; i < std::max(threads, 1u); ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->RunThread(); });
  }
}

BlockingPool::~BlockingPool() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  for (auto& thread : state_->threads) thread.join();
}

void BlockingPool::Post(std::function<void()> work) {
  {
    std::lock_guard lock(state_->mutex);
    state_->waiting.push_back(std::move(work));
  }
  state_->wake.notify_one();
}

namespace internal {

Task<void> RunOnPool(BlockingPool& pool, std::function<void()> work) {
  auto executor = co_await asio::this_coro::executor;
  auto initiate = [&pool, &executor, &work](auto handler) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    // The guard keeps the loop alive while the work runs elsewhere.
    auto guard = asio::make_work_guard(executor);
    pool.Post([work = std::move(work), shared, guard, executor]() mutable {
      work();
      work = nullptr;
      asio::post(executor, [shared = std::move(shared)] { std::move (*shared)(); });
    });
  };
  co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(initiate, asio::use_awaitable);
}

}  // namespace internal
}  // namespace burrow::net
