// A one-shot timer of the loop's thread that calls back, unless it is cancelled, restarted or destroyed before.
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "net/task.h"

namespace burrow::control {

class Timer {
 public:
  explicit Timer(net::IoContext& io);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Start(Millis delay, std::function<void()> work);
  void Cancel();
  bool armed() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace burrow::control
