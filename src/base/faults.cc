#include "base/faults.h"

#include <csignal>
#include <cstdlib>
#include <map>
#include <string>

namespace burrow {
namespace {

std::map<std::string, std::string, std::less<>> ParseFaults() {
  std::map<std::string, std::string, std::less<>> faults;
  const char* text = std::getenv("BURROW_FAULTS");
  std::string_view rest = text ? text : "";
  while (!rest.empty()) {
    std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    size_t equals = item.find('=');
    if (equals != std::string_view::npos) faults.emplace(item.substr(0, equals), item.substr(equals + 1));
  }
  return faults;
}

}  // namespace

Status FaultPoint(std::string_view name) {
  static const auto faults = ParseFaults();
  if (faults.empty()) return {};
  auto it = faults.find(name);
  if (it == faults.end()) return {};
  if (it->second == "kill") std::raise(SIGKILL);
  return Fail(Code::kUnavailable, "fault {} was asked for", name);
}

}  // namespace burrow
