// Patterns that strangers write: the first line of the input is a path, each further one a pattern. Nothing may crash
// or hang, and what is kept in a directory that is left out must have been foretold.
#include <cstdint>
#include <cstdlib>

#include "dockerfile/patterns.h"

namespace {

void Check(const burrow::dockerfile::PathFilter& filter, std::string_view path) {
  bool left_out = filter.Matches(path);
  size_t slash = path.rfind('/');
  if (left_out || slash == std::string_view::npos || slash == 0 || slash + 1 == path.size()) return;
  std::string_view directory = path.substr(0, slash);
  if (filter.Matches(directory) && !filter.MayKeepBelow(directory)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> lines;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::string path = lines.front();
  lines.erase(lines.begin());
  for (const std::string& pattern : lines) (void)burrow::dockerfile::MatchComponent(pattern, path);
  if (auto filter = burrow::dockerfile::PathFilter::Create(lines)) Check(*filter, path);
  return 0;
}
