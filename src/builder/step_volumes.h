// The volumes that a step's container has. Blocking; one thread. Private to this module.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "builder/step_context.h"
#include "builder/step_mounts.h"
#include "volume/live_volume.h"

namespace burrow::builder {

class StepVolumes {
 public:
  // `directory` is the step's own and goes after this object, which goes after the step's container.
  StepVolumes(const StepContext& context, std::string directory)
      : context_(context), directory_(std::move(directory)) {}

  // Once; none of it becomes part of the image.
  Status Mount(StepMounts& mounts);
  // What the step wrote becomes part of the volumes' heads, or the error says which did not take it.
  Status Commit();

 private:
  Status CommitOne(volume::LiveVolume& volume);

  const StepContext& context_;
  std::string directory_;
  std::vector<std::unique_ptr<volume::LiveVolume>> volumes_;
};

}  // namespace burrow::builder
