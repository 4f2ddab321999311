// Runs one command in a container upon the parent and makes a layer of what it changed. Blocking. Private to this
// module.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "builder/step_context.h"
#include "builder/step_mounts.h"

namespace burrow::builder {

struct StepCommand {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // NAME=value: all of it
  std::string workdir;           // empty: the parent's
  runtime::ContainerUser user;
  runtime::NetworkMode network = runtime::NetworkMode::kNode;
  os::CgroupLimits limits;
  int input = -1;  // descriptor 4 of the command; not owned; -1: none
  // Who failed how; number: the last one that was written to descriptor 3, or 0.
  std::function<std::string(int number, const os::ExitStatus& status)> describe;
};

// `parent`: LoadParent's. `mounts` stay until this returns, `scratch` outlives them. Sets context.left where the
// command failed.
Result<BuiltImage> RunInContainer(const StepContext& context, image::Tree parent, const ScratchDirectory& scratch,
                                  const StepCommand& command, const StepMounts& mounts);
// Without mounts.
Result<BuiltImage> RunInContainer(const StepContext& context, const StepCommand& command);

// Pure: sets each time of the layer after `epoch` (seconds) to it.
void ClampLayer(std::vector<image::UpperEntry>& layer, int64_t epoch);

}  // namespace burrow::builder
