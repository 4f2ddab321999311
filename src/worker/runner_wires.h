// The descriptors between a function's container and its worker.
#pragma once

#include "base/unique_fd.h"
#include "os/process.h"
#include "worker/api_socket.h"
#include "worker/runner_channel.h"

namespace burrow::worker {

// Both ends of the runner's socket and of the pipes of its output. The container inherits its ends at the start.
struct RunnerWires {
  SocketPair socket;
  os::Pipe out, err;
  UniqueFd null;    // standard input
  ApiListener api;  // the worker's alone; none where functions cannot call others
};
Result<RunnerWires> MakeRunnerWires();

}  // namespace burrow::worker
