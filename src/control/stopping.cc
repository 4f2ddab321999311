#include "control/stopping.h"

#include "base/log.h"
#include "control/workers.h"

namespace burrow::control {
namespace {

constexpr Millis kLookEvery(10);

}  // namespace

net::Task<void> Stopping::Await(std::function<bool()> done, Millis most) {
  const auto deadline = clock_.Now() + most;
  while (!done() && clock_.Now() < deadline) co_await pause_.Wait(kLookEvery);
}

size_t Stopping::RunningCalls() const {
  size_t calls = 0;
  for (const Container* container : containers_.All()) calls += container->calls.size();
  return calls;
}

net::Task<void> Stopping::AwaitCalls(Millis most) {
  if (size_t calls = RunningCalls(); calls > 0 && most > Millis(0))
    LogInfo("running calls: {}; waiting until they have ended, {} s at most; a second signal hurries", calls,
            most.count() / 1000);
  co_await Await([this] { return hurried_ || RunningCalls() == 0; }, most);
}

net::Task<void> Stopping::AwaitContainers(Millis most) {
  auto gone = [this] {
    for (const Container* container : containers_.All()) {
      if (container->worker->connected()) return false;
    }
    return true;
  };
  co_await Await(gone, most);
}

}  // namespace burrow::control
