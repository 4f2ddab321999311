#include "builder/debian_sources.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace burrow::builder {
namespace {

constexpr size_t kFields = 6;

bool IsPlain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c > ' ' && c < 127 && c != '[' && c != ']' && c != '#'; });
}

// The base suite is the one without a suffix such as "-updates".
bool IsBase(std::string_view release) { return release.find('-') == std::string_view::npos; }

std::array<std::string, kFields> Split(std::string_view line) {
  std::array<std::string, kFields> fields;
  for (auto& field : fields) {
    size_t bar = line.find('|');
    field = line.substr(0, bar);
    line.remove_prefix(bar == std::string_view::npos ? line.size() : bar + 1);
  }
  return fields;
}

}  // namespace

Result<DebianSources> ParseIndexTargets(std::string_view targets) {
  DebianSources sources;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> components;  // (uri, release)
  while (!targets.empty()) {
    size_t newline = targets.find('\n');
    auto [created_by, origin, uri, release, codename, component] = Split(targets.substr(0, newline));
    targets.remove_prefix(newline == std::string_view::npos ? targets.size() : newline + 1);
    if (created_by != "Packages" || origin != "Debian" || !IsPlain(uri) || !IsPlain(release) || !IsPlain(component))
      continue;
    auto& list = components[{uri, release}];
    if (std::find(list.begin(), list.end(), component) == list.end()) list.push_back(component);
    if (IsBase(release) && sources.codename.empty())
      sources.codename = IsPlain(codename) && IsBase(codename) ? codename : release;
  }
  if (sources.codename.empty()) {
    return Fail(Code::kFailedPrecondition,
                "this machine's apt knows no Debian archive to make the base image from: add one to "
                "/etc/apt/sources.list and run apt-get update");
  }
  for (const auto& [archive, list] : components) {
    std::string line = "deb " + archive.first + " " + archive.second;
    for (const auto& component : list) line += " " + component;
    sources.lines.push_back(std::move(line));
  }
  return sources;
}

}  // namespace burrow::builder
