// A program of the machine itself that a step needs, such as cp: it ends with the step. Blocking; any thread.
#pragma once

#include "builder/watch.h"
#include "os/process.h"

namespace burrow::builder {

// Runs it in a session of its own with its output in `tail`. `watched` gives the deadline and what is checked. Gives
// how the program ended. kCancelled, kDeadlineExceeded, or what the check says: then it was told to end, it and all
// that it started, and has; kNotFound where the machine does not have it.
Result<os::ExitStatus> RunHostCommand(os::SpawnOptions command, Watched watched, OutputTail& tail,
                                      const Cancellation& cancellation);

}  // namespace burrow::builder
