// What every kind of step works with. Private to this module.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "builder/scratch_directory.h"
#include "builder/step_runner.h"
#include "image/tree.h"
#include "os/process.h"

namespace burrow::builder {

// One step while it runs. References outlive it.
struct StepContext {
  const StepServices& services;
  const burrow::link::v1::BuildStep& step;
  const OutputSink& output;
  const Cancellation& cancellation;
  const StepLinks& links;
  const WaitSink& waits;  // may be absent
  std::chrono::steady_clock::time_point deadline;
  std::optional<BuiltImage>& left;  // see StepOutcome

  Result<ScratchDirectory> MakeScratch() const;
};

// The parent's tree; kInvalidArgument where the step has no parent.
Result<image::Tree> LoadParent(const StepContext& context);
// Puts the tree's index into the store: `image` with it.
Result<BuiltImage> StoreImage(const StepContext& context, const image::Tree& tree, burrow::link::v1::Image image);

// What recipes' commands run with, each over the ones before it: defaults, the image's variables, `own` ones of this
// kind of step, its secrets, and the variables that the step was given.
std::vector<std::string> RecipeEnvironment(const burrow::link::v1::BuildStep& step,
                                           const std::map<std::string, std::string>& own = {});

// "failed with exit code 3", "was killed by signal 9".
std::string DescribeEnding(const os::ExitStatus& status);

}  // namespace burrow::builder
