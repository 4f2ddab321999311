// Choosing addresses for a container network. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace burrow::os {

struct Ipv4Prefix {
  uint32_t address = 0;  // host byte order
  int length = 32;
};

bool Overlap(const Ipv4Prefix& a, const Ipv4Prefix& b);
// The first free 10.x.y.0/24 from a place that depends on `seed`, so that instances side by side look at different
// ones. `used`: what the host has addresses in, routes to, or asks for names. A route to more than a /12 (a default
// route, all of 10/8 through a tunnel) is no hindrance: the container network is the more specific one.
std::optional<Ipv4Prefix> ChooseSubnet(std::string_view seed, const std::vector<Ipv4Prefix>& used);
std::string ToText(uint32_t address);  // "10.88.3.7"
// The name servers of a resolv.conf as /32 prefixes.
std::vector<Ipv4Prefix> NameServerPrefixes(std::string_view resolv_conf);

}  // namespace burrow::os
