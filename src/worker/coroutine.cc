#include "worker/coroutine.h"

#include <fcntl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

namespace burrow::worker {

namespace asio = boost::asio;

namespace {

// What pieces of work that run at once leave to the last of them.
struct Gathered {
  explicit Gathered(size_t pieces) : left(pieces) {}
  std::mutex mutex;
  size_t left;               // guarded by mutex
  std::exception_ptr error;  // guarded by mutex

  // True for the last one.
  bool Run(const std::function<void()>& piece) {
    std::exception_ptr thrown;
    try {
      piece();
    } catch (...) {
      thrown = std::current_exception();
    }
    std::lock_guard lock(mutex);
    if (thrown) error = thrown;
    return --left == 0;
  }
};

}  // namespace

net::Task<void> RunAllBlocking(net::BlockingPool& pool, std::vector<std::function<void()>> work) {
  if (work.empty()) co_return;
  auto executor = co_await asio::this_coro::executor;
  auto initiate = [&pool, executor, work = std::move(work)](auto handler) mutable {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto gathered = std::make_shared<Gathered>(work.size());
    auto guard = asio::make_work_guard(executor);
    for (auto& piece : work) {
      pool.Post([executor, guard, shared, gathered, piece = std::move(piece)] {
        if (!gathered->Run(piece)) return;
        asio::dispatch(executor, [shared, gathered] { std::move (*shared)(gathered->error); });
      });
    }
  };
  co_await asio::async_initiate<decltype(asio::use_awaitable), void(std::exception_ptr)>(std::move(initiate),
                                                                                         asio::use_awaitable);
}

net::Task<bool> WaitReadable(int fd, std::chrono::milliseconds deadline) {
  auto executor = co_await asio::this_coro::executor;
  auto descriptor = std::make_shared<asio::posix::stream_descriptor>(executor, ::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  asio::steady_timer timer(executor, deadline);
  timer.async_wait([descriptor](boost::system::error_code error) {
    if (!error) descriptor->cancel();
  });
  auto [error] =
      co_await descriptor->async_wait(asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
  co_return !error;
}

}  // namespace burrow::worker
