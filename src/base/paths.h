// Where paths lie, by their text alone: no "." or ".." parts, no '/' at the end but of "/" itself.
#pragma once

#include <string_view>

namespace burrow {

constexpr bool IsBelow(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.size() > 1;
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}
constexpr bool IsAtOrBelow(std::string_view path, std::string_view directory) {
  return path == directory || IsBelow(path, directory);
}

}  // namespace burrow
