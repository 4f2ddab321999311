#include "control/background.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

namespace burrow::control {

Background::Background(net::IoContext& io, unsigned threads)
    : io_(io), pending_(std::make_shared<size_t>(0)), pool_(std::make_unique<net::BlockingPool>(threads)) {}

Background::~Background() = default;

void Background::Post(std::function<void()> work, std::function<void()> done) {
  ++*pending_;
  auto guard = boost::asio::make_work_guard(io_);
  // What `work` and `done` hold is handed back with the outcome, so that it is destroyed on the loop's thread.
  pool_->Post(
      [&io = io_, guard, alive = std::weak_ptr(pending_), work = std::move(work), done = std::move(done)]() mutable {
        work();
        boost::asio::post(io, [alive, work = std::move(work), done = std::move(done)] {
          auto pending = alive.lock();
          if (!pending) return;
          --*pending;
          done();
        });
      });
}

}  // namespace burrow::control
