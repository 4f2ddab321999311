// From StartShell to what the runtime starts. Pure.
#pragma once

#include <string>
#include <vector>

#include "builder/image_user.h"
#include "burrow/link/v1/link.pb.h"
#include "runtime/container.h"
#include "runtime/exec.h"

namespace burrow::worker {

// Terminals have 16 bits for each; kInvalidArgument also where an argument cannot be told to an engine.
Status CheckShell(const burrow::link::v1::StartShell& request);
runtime::TerminalSize SizeOf(const burrow::v1::TerminalSize& size);

// Everything but the descriptors.
runtime::ContainerOptions PlanShell(const burrow::link::v1::StartShell& request, const os::OverlayLower& lower,
                                    const builder::ImageUser& user, const std::string& directory);

// Makes of what a function's container is started by what the shell is: the command in place of the runner, which finds
// the function's modules, and the secrets among its variables. Everything but the descriptors.
void PlanFunctionShell(const burrow::link::v1::StartShell& request, runtime::ContainerOptions& options);

// A shell in a container that runs, with the container's environment, directory and user. Everything but the
// descriptors.
runtime::ExecOptions PlanExec(const burrow::link::v1::StartShell& request);

// How the shell ended, as its client learns it.
burrow::v1::ShellExit ToShellExit(const runtime::ContainerExit& exit);

}  // namespace burrow::worker
