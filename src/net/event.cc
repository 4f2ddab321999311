#include "net/event.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <list>

namespace burrow::net {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);

struct Waiter {
  explicit Waiter(IoContext& io) : timer(io) {}
  asio::steady_timer timer;
  bool notified = false;
};

}  // namespace

struct Event::State {
  explicit State(IoContext& io) : io(io) {}
  IoContext& io;
  std::list<Waiter*> waiters;
};

Event::Event(IoContext& io) : state_(std::make_shared<State>(io)) {}
Event::~Event() = default;

void Event::Notify() {
  for (Waiter* waiter : state_->waiters) {
    waiter->notified = true;
    waiter->timer.cancel();
  }
}

Task<bool> Event::Wait(std::chrono::milliseconds deadline) {
  auto state = state_;
  Waiter waiter(state->io);
  waiter.timer.expires_after(std::clamp(deadline, std::chrono::milliseconds(0), kLongest));
  // Leaves the list however the coroutine ends, destruction of its frame included.
  struct Registration {
    State& state;
    std::list<Waiter*>::iterator place;
    ~Registration() { state.waiters.erase(place); }
  } registration{*state, state->waiters.insert(state->waiters.end(), &waiter)};
  auto [error] = co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (waiter.notified) co_return true;
  if (error) throw boost::system::system_error(asio::error::operation_aborted);
  co_return false;
}

}  // namespace burrow::net
