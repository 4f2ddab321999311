#include "os/subnet.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace burrow::os {
namespace {

constexpr uint32_t kTen = 10u << 24;
constexpr uint32_t kSubnets = 192 * 256;  // 10.64.0.0 and up: what is below is used by people more often
constexpr uint32_t kFirstSubnet = 64 * 256;
constexpr int kShortestHindrance = 12;

uint32_t Mask(int length) { return length == 0 ? 0 : ~0u << (32 - length); }

// FNV-1a: the same on every machine and in every build.
uint32_t HashOf(std::string_view text) {
  uint32_t hash = 2166136261u;
  for (unsigned char c : text) hash = (hash ^ c) * 16777619u;
  return hash;
}

}  // namespace

bool Overlap(const Ipv4Prefix& a, const Ipv4Prefix& b) {
  const uint32_t mask = Mask(std::min(a.length, b.length));
  return (a.address & mask) == (b.address & mask);
}

std::optional<Ipv4Prefix> ChooseSubnet(std::string_view seed, const std::vector<Ipv4Prefix>& used) {
  const uint32_t start = HashOf(seed) % kSubnets;
  for (uint32_t i = 0; i < kSubnets; ++i) {
    const Ipv4Prefix candidate{kTen | ((kFirstSubnet + (start + i) % kSubnets) << 8), 24};
    const bool taken = std::ranges::any_of(used, [&](const Ipv4Prefix& prefix) {
      return prefix.length >= kShortestHindrance && Overlap(candidate, prefix);
    });
    if (!taken) return candidate;
  }
  return std::nullopt;
}

std::string ToText(uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, (address >> 16) & 255, (address >> 8) & 255, address & 255);
}

std::vector<Ipv4Prefix> NameServerPrefixes(std::string_view resolv_conf) {
  std::vector<Ipv4Prefix> prefixes;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword, server;
    in_addr address{};
    if (words >> keyword >> server && keyword == "nameserver" && inet_pton(AF_INET, server.c_str(), &address) == 1) {
      prefixes.push_back({ntohl(address.s_addr), 32});
    }
  }
  return prefixes;
}

}  // namespace burrow::os
