// Image.from_registry(add_python=...): what runs in the container. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace burrow::builder {

// A fixed script that installs python3 by the image's own package manager where it has none, then checks its version.
// `version`: "3.11" or "3.11.2"; empty: any. It writes a reason for DescribePythonFailure to descriptor 3 before it
// gives up. kInvalidArgument where `version` is none.
Result<std::vector<std::string>> AddPythonCommand(const std::string& version);

// `ending`: how the command ended.
std::string DescribePythonFailure(const std::string& version, int reason, const std::string& ending);

}  // namespace burrow::builder
