// Why a command could not be begun, as shells say it. Pure.
#pragma once

#include <optional>
#include <string>

#include "image/tree.h"
#include "runtime/container.h"

namespace burrow::worker {

struct ProgramFault {
  int code = 127;       // 126: it is there, but may not be executed
  std::string message;  // "make: command not found"
};

// Looks options.args[0] up as exec would: in PATH of options.env, or from options.cwd where it has a slash. Absent
// where options.user may execute what is there: then the reason is another one.
std::optional<ProgramFault> FindProgramFault(const image::Tree& tree, const runtime::ContainerOptions& options);

}  // namespace burrow::worker
