// --name=value before the arguments of an instruction. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace burrow::dockerfile {

struct Flag {
  std::string name;  // without the dashes
  std::optional<std::string> value;
  size_t offset = 0;  // of the dashes in the logical line
};

struct FlagsAndRest {
  std::vector<Flag> flags;
  size_t rest = 0;  // where the arguments begin
};

// From `start` on. Quotes and escapes within a flag are taken away; "--" alone ends the flags.
FlagsAndRest SplitFlags(std::string_view line, size_t start);

}  // namespace burrow::dockerfile
