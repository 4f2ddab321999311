// The worker's own, precompiled copy of the Python package that containers run. Blocking.
#pragma once

#include <string>

#include "base/error.h"

namespace burrow::worker {

// Copies <sdk_directory>/burrow to <directory>/<hash of its files>/burrow, compiles it for the machine's Python (best
// effort: another interpreter compiles by itself) and removes copies of other versions. Returns <directory>/<hash>.
// kFailedPrecondition if there is no package.
Result<std::string> PrepareLibrary(const std::string& sdk_directory, const std::string& directory);

}  // namespace burrow::worker
