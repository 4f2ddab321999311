// Whether control is connected, and since when. Everything runs on the IoContext's one thread.
#pragma once

#include "base/clock.h"
#include "net/event.h"

namespace burrow::worker {

class LinkWatch {
 public:
  // Containers are started over a connection, so there is one at first. `clock` is not owned.
  LinkWatch(net::IoContext& io, const Clock* clock) : clock_(clock), since_(clock->Now()), changed_(io) {}

  void Set(bool connected) {
    connected_ = connected;
    since_ = clock_->Now();
    changed_.Notify();
  }
  bool connected() const { return connected_; }
  SteadyTime since() const { return since_; }

 private:
  const Clock* clock_;
  bool connected_ = true;
  SteadyTime since_;
  net::Event changed_;
};

}  // namespace burrow::worker
