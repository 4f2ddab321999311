#include "control/timer.h"

#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace burrow::control {
namespace asio = boost::asio;

struct Timer::State {
  explicit State(net::IoContext& io) : timer(io) {}
  asio::steady_timer timer;
  uint64_t generation = 0;
  bool armed = false;
  std::function<void()> work;
};

Timer::Timer(net::IoContext& io) : state_(std::make_shared<State>(io)) {}

Timer::~Timer() { Cancel(); }

void Timer::Start(Millis delay, std::function<void()> work) {
  state_->generation++;
  state_->armed = true;
  state_->work = std::move(work);
  state_->timer.expires_after(delay);
  state_->timer.async_wait([weak = std::weak_ptr(state_), generation = state_->generation](const auto& error) {
    auto state = weak.lock();
    if (error || !state || !state->armed || state->generation != generation) return;
    state->armed = false;
    auto due = std::exchange(state->work, nullptr);
    due();
  });
}

void Timer::Cancel() {
  if (!state_->armed) return;
  state_->generation++;
  state_->armed = false;
  state_->work = nullptr;
  state_->timer.cancel();
}

bool Timer::armed() const { return state_->armed; }

}  // namespace burrow::control
