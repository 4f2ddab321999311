// Which stages a build needs, and what they need of each other. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "dockerfile/parse.h"

namespace burrow::dockerfile {

using BuildArgs = std::map<std::string, std::string>;

// Where a base, COPY --from or a mount takes its files from.
struct StageRef {
  size_t stage = 0;
};
struct ImageRef {
  std::string reference;  // "scratch", a name, or what a registry has
};
using Source = std::variant<StageRef, ImageRef>;

struct PlannedStage {
  Source base;
  std::string base_text;                // as expanded
  std::string platform;                 // as expanded; empty: the machine's own
  std::vector<size_t> needs;            // stages that must be there first; sorted, each once
  std::map<std::string, Source> froms;  // by the text of each --from and from= in it
};

struct Plan {
  size_t target = 0;
  std::map<size_t, PlannedStage> stages;       // the needed ones, by their number in the Dockerfile
  std::map<std::string, std::string> globals;  // global ARGs as they are worth, without those of no value
  std::vector<std::string> unused_args;        // build arguments that no ARG names
};

// `target`: a stage's name or number; empty: the last one. kInvalidArgument in Parse's form: an unknown target, a stage
// that is named before it is there, an empty base, a bad expansion; kFailedPrecondition for a platform that is not
// `own_platform` ("linux/amd64").
Result<Plan> MakePlan(const Dockerfile& dockerfile, const BuildArgs& args, const std::string& target,
                      const std::string& own_platform);

}  // namespace burrow::dockerfile
