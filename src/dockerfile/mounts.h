// The value of RUN --mount. Pure.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "dockerfile/instruction.h"

namespace burrow::dockerfile {

struct MountComplaint {
  std::string message, hint;
};

using ExpandValue = std::function<Result<std::string>(std::string_view)>;

// With the defaults of the type filled in, but for paths. Without `expand` the values stay as written, and what
// variables decide is not judged yet.
std::expected<RunMount, MountComplaint> ParseMount(std::string_view written, const ExpandValue& expand);

}  // namespace burrow::dockerfile
