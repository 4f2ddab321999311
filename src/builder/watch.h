// Waits for a process while its output flows. Blocking; any thread.
#pragma once

#include <chrono>

#include "builder/cancellation.h"
#include "builder/output_tail.h"

namespace burrow::builder {

// Feeds what arrives on `output` to `tail` until the process behind `pidfd` has ended and its output is read.
// kCancelled or kDeadlineExceeded when it was called off or took too long: the process then still lives.
Status WatchUntilExit(int pidfd, int output, OutputTail& tail, const Cancellation& cancellation,
                      std::chrono::steady_clock::time_point deadline);

}  // namespace burrow::builder
