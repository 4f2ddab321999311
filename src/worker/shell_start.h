// From StartShell to a command that runs: in a container of its own upon an image or as a function has it, or in one
// that runs already.
#pragma once

#include <optional>

#include "burrow/link/v1/link.pb.h"
#include "net/task.h"
#include "worker/container_inputs.h"
#include "worker/container_volumes.h"
#include "worker/program_fault.h"
#include "worker/shell.h"
#include "worker/shell_process.h"

namespace burrow::worker {

// Our ends of what the command has for input and output.
struct ShellWires {
  UniqueFd input, output, errors;  // a terminal has no errors
};

// A container that runs, or why there is none; what it is made of is held until it is gone.
struct RunningShell {
  imagefs::ImageLease image;
  ContainerInputs inputs;
  ShellProcess process;
  std::optional<ProgramFault> fault;
  ShellWires wires;
};

// On the loop's thread; what blocks runs on the pool. `volumes` are to be mounted, null: there are none. All arguments
// outlive the coroutine. On failure `shell` may hold a part. A program that is not there is no failure: it has an exit
// code.
net::Task<Status> StartShellProcess(const ShellServices& services, const burrow::link::v1::StartShell& request,
                                    ContainerVolumes* volumes, RunningShell& shell);

}  // namespace burrow::worker
