// Names of environment variables.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/ascii.h"

namespace burrow::builder {

// Whether a shell could set it: letters, digits and '_', not beginning with a digit.
inline bool IsVariableName(std::string_view name) {
  const auto allowed = [](char c) { return IsLetterOrDigit(c) || c == '_'; };
  return !name.empty() && !IsDigit(name[0]) && std::ranges::all_of(name, allowed);
}

}  // namespace burrow::builder
