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

struct PythonRelease {
  std::string_view python, codename;
  bool splits_firmware;  // has a component "non-free-firmware"
};
constexpr PythonRelease kPythonReleases[] = {
    {"3.9", "bullseye", false}, {"3.11", "bookworm", true}, {"3.13", "trixie", true}};

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    size_t space = line.find(' ');
    words.emplace_back(line.substr(0, space));
    line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  }
  return words;
}

// The line for another release; empty for suites that are left out.
std::string Translate(const std::string& line, const PythonRelease& release) {
  auto words = Words(line);  // deb URI RELEASE COMPONENT...
  size_t dash = words[2].find('-');
  std::string suffix = dash == std::string::npos ? "" : words[2].substr(dash);
  if (!suffix.empty() && suffix != "-security") return {};
  std::string translated = fmt::format("{} {} {}{}", words[0], words[1], release.codename, suffix);
  for (size_t i = 3; i < words.size(); ++i) {
    if (words[i] != "non-free-firmware" || release.splits_firmware) translated += " " + words[i];
  }
  return translated;
}

}  // namespace

Result<DebianSources> SourcesForPython(const DebianSources& own, std::string_view python_version) {
  if (python_version.empty()) return own;
  const auto* release = std::ranges::find(kPythonReleases, python_version, &PythonRelease::python);
  if (release == std::end(kPythonReleases)) {
    return Fail(
        Code::kInvalidArgument,
        "debian_slim has no Python {0}: there are 3.9 (bullseye), 3.11 (bookworm) and 3.13 (trixie). For {0}, begin "
        "with an image of a registry that has it, such as Image.from_registry(\"HOST/python:{0}-slim\")",
        python_version);
  }
  if (own.codename == release->codename) return own;
  DebianSources sources{.codename = std::string(release->codename)};
  for (const auto& line : own.lines) {
    if (std::string translated = Translate(line, *release); !translated.empty()) sources.lines.push_back(translated);
  }
  return sources;
}

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
