// A latch that coroutines of one IoContext wait for: the way in which a state machine wakes its waiters.
#pragma once

#include <chrono>
#include <memory>

#include "net/task.h"

namespace burrow::net {

class Event {
 public:
  explicit Event(IoContext& io);
  ~Event();
  // Wakes everybody who waits now. Same thread as the waiters.
  void Notify();
  // True when notified, false after `deadline` (a duration from now). The Event may be destroyed while coroutines wait:
  // they return at their deadline. Throws boost::system::system_error(operation_aborted) when the coroutine is
  // cancelled.
  Task<bool> Wait(std::chrono::milliseconds deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace burrow::net
