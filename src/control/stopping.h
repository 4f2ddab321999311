// The waits of a control that is being stopped: each ends by a deadline.
#pragma once

#include <functional>

#include "base/clock.h"
#include "control/containers.h"
#include "net/event.h"
#include "net/task.h"

namespace burrow::control {

// Loop's thread only. Nothing is owned.
class Stopping {
 public:
  Stopping(net::IoContext& io, const Clock& clock, const ContainerTable& containers)
      : clock_(clock), containers_(containers), pause_(io) {}

  // Until no container has a call, or Hurry was called.
  net::Task<void> AwaitCalls(Millis most);
  // Until no container is left on a worker that can be reached.
  net::Task<void> AwaitContainers(Millis most);
  net::Task<void> Await(std::function<bool()> done, Millis most);
  void Hurry() { hurried_ = true; }

 private:
  size_t RunningCalls() const;

  const Clock& clock_;
  const ContainerTable& containers_;
  net::Event pause_;
  bool hurried_ = false;
};

}  // namespace burrow::control
