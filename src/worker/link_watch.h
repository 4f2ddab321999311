// Whether control is connected, and since when. Everything runs on the IoContext's one thread.
#pragma once

#include "base/clock.h"

namespace burrow::worker {

class LinkWatch {
 public:
  // Containers are started over a connection, so there is one at first. `clock` is not owned.
  explicit LinkWatch(const Clock* clock) : clock_(clock), since_(clock->Now()) {}

  void Set(bool connected) {
    connected_ = connected;
    since_ = clock_->Now();
  }
  bool connected() const { return connected_; }
  SteadyTime since() const { return since_; }

 private:
  const Clock* clock_;
  bool connected_ = true;
  SteadyTime since_;
};

}  // namespace burrow::worker
