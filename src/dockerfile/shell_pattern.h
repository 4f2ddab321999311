// The patterns of ${x#p}, ${x%p} and ${x/p/r}: * and ?, a backslash before what is meant literally. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::dockerfile {

class ShellPattern {
 public:
  // kInvalidArgument for a backslash before anything but * ? \ / and }.
  static Result<ShellPattern> Parse(std::string_view pattern);

  // The value without the shortest or longest beginning or end that matches.
  std::string WithoutPrefix(std::string_view value, bool longest) const;
  std::string WithoutSuffix(std::string_view value, bool longest) const;
  // The first match, the longest one there, or all of them replaced.
  std::string Replaced(std::string_view value, std::string_view replacement, bool all) const;

 private:
  // What stands between stars; kAny for ?.
  std::vector<std::u32string> parts_{1};
};

}  // namespace burrow::dockerfile
