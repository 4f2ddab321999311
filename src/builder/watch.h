// Waits for a process while its output flows. Blocking; any thread.
#pragma once

#include <chrono>
#include <functional>

#include "builder/cancellation.h"
#include "builder/output_tail.h"

namespace burrow::builder {

struct Watched {
  int pidfd = -1;
  int output = -1;  // what it prints; both are not owned
  std::chrono::steady_clock::time_point deadline;
  std::function<Status()> check;  // asked four times a second; an error ends the wait. May be absent
};

// Feeds what arrives on `output` to `tail` until the process has ended and its output is read. kCancelled or
// kDeadlineExceeded when it was called off or took too long, or what `check` says: the process then still lives.
Status WatchUntilExit(const Watched& watched, OutputTail& tail, const Cancellation& cancellation);

}  // namespace burrow::builder
