#include "dockerfile/globals.h"

#include <algorithm>
#include <set>

#include "dockerfile/locate.h"

namespace burrow::dockerfile {
namespace {

BuildArgs PlatformArgs(const std::string& platform) {
  size_t first = std::min(platform.find('/'), platform.size());
  size_t second = std::min(platform.find('/', first + 1), platform.size());
  std::string os = platform.substr(0, first);
  std::string architecture = first < platform.size() ? platform.substr(first + 1, second - first - 1) : "";
  std::string variant = second < platform.size() ? platform.substr(second + 1) : "";
  BuildArgs args;
  for (const char* prefix : {"BUILD", "TARGET"}) {
    args.emplace(std::string(prefix) + "PLATFORM", platform);
    args.emplace(std::string(prefix) + "OS", os);
    args.emplace(std::string(prefix) + "ARCH", architecture);
    args.emplace(std::string(prefix) + "VARIANT", variant);
  }
  return args;
}

void AddNames(const std::vector<Instruction>& instructions, std::set<std::string>& names) {
  for (const Instruction& instruction : instructions) {
    if (const auto* arg = std::get_if<Arg>(&instruction.kind)) names.insert(arg->name);
    const auto* trigger = std::get_if<OnBuild>(&instruction.kind);
    auto fragment = trigger == nullptr ? Dockerfile() : ParseFragment(trigger->instruction, "").value_or(Dockerfile());
    for (const Stage& stage : fragment.stages) AddNames(stage.instructions, names);
  }
}

}  // namespace

Result<BuildArgs> Globals(const Dockerfile& dockerfile, const BuildArgs& args, const std::string& own_platform,
                          ExpansionBudget& budget) {
  BuildArgs globals = PlatformArgs(own_platform);
  for (auto& [name, value] : globals) {
    if (auto given = args.find(name); given != args.end()) value = given->second;
  }
  auto find = [&globals](std::string_view name) -> std::optional<std::string_view> {
    auto found = globals.find(std::string(name));
    return found == globals.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  };
  for (const Arg& arg : dockerfile.global_args) {
    if (auto given = args.find(arg.name); given != args.end()) {
      globals.insert_or_assign(arg.name, given->second);
    } else if (arg.value) {
      auto value = ExpandWord(*arg.value, find, {.escape = dockerfile.escape}, budget);
      if (!value) {
        return std::unexpected(ErrorAbout(dockerfile, arg.position, *arg.value, value.error().message()));
      }
      globals.insert_or_assign(arg.name, std::move(*value));
    }
  }
  return globals;
}

std::vector<std::string> UnusedArgs(const Dockerfile& dockerfile, const BuildArgs& args) {
  std::set<std::string> names;
  for (const Arg& arg : dockerfile.global_args) names.insert(arg.name);
  for (const Stage& stage : dockerfile.stages) AddNames(stage.instructions, names);
  for (const auto& [name, value] : PlatformArgs("")) names.insert(name);
  names.insert(kProxyArgs.begin(), kProxyArgs.end());
  std::vector<std::string> unused;
  for (const auto& [name, value] : args) {
    if (!names.contains(name)) unused.push_back(name);
  }
  return unused;
}

}  // namespace burrow::dockerfile
