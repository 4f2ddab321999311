#include "worker/disk_bound.h"

#include <algorithm>
#include <utility>

#include "net/detached.h"
#include "net/event.h"
#include "os/tree_size.h"

namespace burrow::worker {
namespace {

constexpr int kMeasureShare = 50;

}  // namespace

struct DiskBound::State {
  State(net::IoContext& io, net::BlockingPool& on, DiskBoundOptions given, std::function<void()> exceeded)
      : pool(on), options(std::move(given)), on_exceeded(std::move(exceeded)), closed_event(io) {}

  net::BlockingPool& pool;
  const DiskBoundOptions options;
  std::function<void()> on_exceeded;
  net::Event closed_event;
  bool closed = false;
};

net::Task<void> DiskBound::Watch(std::shared_ptr<State> state) {
  using Clock = std::chrono::steady_clock;
  auto pause = state->options.pause;
  while (!state->closed) {
    if (co_await state->closed_event.Wait(pause)) continue;
    const auto began = Clock::now();
    const uint64_t written = co_await net::RunBlocking(
        state->pool, [directories = state->options.directories] { return os::TreeBytes(directories); });
    const auto took = std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - began);
    pause = std::max(state->options.pause, took * kMeasureShare);
    if (state->closed || written <= state->options.bytes) continue;
    state->closed = true;
    std::exchange(state->on_exceeded, nullptr)();
  }
}

DiskBound::DiskBound(net::IoContext& io, net::BlockingPool& pool, DiskBoundOptions options,
                     std::function<void()> on_exceeded)
    : state_(std::make_shared<State>(io, pool, std::move(options), std::move(on_exceeded))) {
  net::RunDetached(io, Watch(state_), "the disk of " + state_->options.directories.front());
}

DiskBound::~DiskBound() {
  state_->closed = true;
  state_->on_exceeded = nullptr;
  state_->closed_event.Notify();
}

}  // namespace burrow::worker
