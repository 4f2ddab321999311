// The build arguments of the whole file: those that are always there, and ARG before the first FROM. Pure.
#pragma once

#include <string>
#include <vector>

#include "dockerfile/expansion.h"
#include "dockerfile/plan.h"

namespace burrow::dockerfile {

// BUILDPLATFORM, TARGETARCH and so on, and the global ARGs, those that have values. kInvalidArgument in Parse's form.
Result<BuildArgs> Globals(const Dockerfile& dockerfile, const BuildArgs& args, const std::string& own_platform,
                          ExpansionBudget& budget);

// Given ones that no ARG names and that are not always there.
std::vector<std::string> UnusedArgs(const Dockerfile& dockerfile, const BuildArgs& args);

}  // namespace burrow::dockerfile
