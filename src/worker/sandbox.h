// A container in which nothing of a function runs yet: its first process waits until a fork of a template moves in.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/container.h"
#include "worker/runner_wires.h"

namespace burrow::worker {

struct Sandbox {
  runtime::Container container;
  std::vector<UniqueFd> namespaces;  // in the order in which they are joined
  UniqueFd standby;                  // the socket of its first process, for the number with which that is to end
};

// Starts one by `options`, whose arguments and descriptors it chooses itself. Blocks for some dozens of milliseconds,
// at most `deadline`; any thread. Where it fails nothing is left but the directory.
Result<Sandbox> MakeSandbox(const runtime::ContainerRuntime& runtime, runtime::ContainerOptions options,
                            std::chrono::milliseconds deadline);

// Has the template behind `requests`, its socket for that, forked, and the fork moved into the sandbox, where it goes
// on as the runner behind `wires`. `cwd` is inside the sandbox. Blocks for a few milliseconds, at most `deadline`; any
// thread, one at a time for each template. kUnavailable where the template is gone.
Status MoveIn(int requests, Sandbox& sandbox, const RunnerWires& wires, const std::string& cwd,
              std::chrono::milliseconds deadline);

}  // namespace burrow::worker
