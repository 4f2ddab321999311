#include "dockerfile/paths.h"

#include <vector>

namespace burrow::dockerfile {

std::string CleanPath(std::string_view path) {
  bool absolute = path.starts_with('/');
  std::vector<std::string_view> kept;
  for (size_t at = 0; at < path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    const bool below = !kept.empty() && kept.back() != "..";
    if (part == ".." && below) {
      kept.pop_back();
    } else if (part != ".." || !absolute) {
      kept.push_back(part);
    }
  }
  std::string clean;
  for (std::string_view part : kept) {
    if (absolute || !clean.empty()) clean += '/';
    clean += part;
  }
  if (!clean.empty()) return clean;
  return absolute ? "/" : ".";
}

std::string AbsolutePath(std::string_view workdir, std::string_view path) {
  if (path.starts_with('/')) return CleanPath(path);
  std::string whole(workdir);
  whole += '/';
  whole += path;
  if (!whole.starts_with('/')) whole.insert(0, "/");
  return CleanPath(whole);
}

bool NamesDirectory(std::string_view path) {
  std::string_view last = path.substr(path.rfind('/') + 1);
  return last.empty() || last == "." || last == "..";
}

}  // namespace burrow::dockerfile
