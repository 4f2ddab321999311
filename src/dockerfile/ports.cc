#include "dockerfile/ports.h"

#include <algorithm>
#include <array>
#include <optional>

#include "dockerfile/hints.h"
#include "dockerfile/numbers.h"

namespace burrow::dockerfile {
namespace {

constexpr uint64_t kHighest = 65535;
constexpr uint64_t kSignals = 64;
constexpr uint64_t kRealTime = 30;  // SIGRTMIN to SIGRTMAX

constexpr std::array<std::string_view, 33> kNames = {
    "ABRT", "ALRM", "BUS",  "CHLD", "CLD",  "CONT", "FPE",  "HUP",  "ILL",    "INT",   "IO",
    "IOT",  "KILL", "PIPE", "POLL", "PROF", "PWR",  "QUIT", "SEGV", "STKFLT", "STOP",  "SYS",
    "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG",  "USR1", "USR2", "VTALRM", "WINCH", "XCPU"};

std::optional<uint64_t> ParsePort(std::string_view text) {
  auto port = ParseNumber(text);
  return port && *port <= kHighest ? port : std::nullopt;
}

}  // namespace

Result<std::vector<std::string>> ParsePorts(std::string_view text) {
  size_t slash = text.find('/');
  std::string protocol = slash == std::string_view::npos ? "tcp" : Lower(text.substr(slash + 1));
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
    return Fail(Code::kInvalidArgument, "\"{}\" has no protocol that is known: tcp, udp or sctp", text);
  }
  std::string_view range = text.substr(0, slash);
  size_t dash = range.find('-');
  auto first = ParsePort(range.substr(0, dash));
  auto last = dash == std::string_view::npos ? first : ParsePort(range.substr(dash + 1));
  if (!first || !last || *first > *last) {
    return Fail(Code::kInvalidArgument, "\"{}\" is no port and no range of ports", text);
  }
  std::vector<std::string> ports;
  for (uint64_t port = *first; port <= *last; ++port) ports.push_back(fmt::format("{}/{}", port, protocol));
  return ports;
}

bool IsSignal(std::string_view text) {
  if (auto number = ParseNumber(text)) return *number >= 1 && *number <= kSignals;
  std::string name = Upper(text);
  std::string_view bare = name;
  if (bare.starts_with("SIG")) bare.remove_prefix(3);
  if (bare == "RTMIN" || bare == "RTMAX" || bare == "XFSZ") return true;
  if (bare.starts_with("RTMIN+") || bare.starts_with("RTMAX-")) {
    auto offset = ParseNumber(bare.substr(6));
    return offset && *offset <= kRealTime;
  }
  return std::find(kNames.begin(), kNames.end(), bare) != kNames.end();
}

}  // namespace burrow::dockerfile
