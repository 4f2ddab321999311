// Network links as containers need them, each operation one exchange with the kernel. Blocking; a Links object is used
// by one thread at a time and speaks for the namespace in which it was opened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "os/netlink.h"
#include "os/subnet.h"

namespace burrow::os {

struct Link {
  int index = 0;
  std::string name;
  uint32_t mtu = 0;
};

struct VethPair {
  std::string host_name;
  int bridge = 0;
  int peer_namespace = -1;  // the peer appears there as "eth0", down
  uint32_t mtu = 1500;
};

class Links {
 public:
  static Result<Links> Open();
  Result<std::vector<Link>> List();
  // Every prefix that the host has an address in or a route to.
  Result<std::vector<Ipv4Prefix>> UsedPrefixes();
  // Links with an IPv4 address inside `prefix`.
  Result<std::vector<int>> LinksInside(const Ipv4Prefix& prefix);
  // The MTU towards the default route; 1500 where there is none.
  Result<uint32_t> OutsideMtu();

  Status AddBridge(const std::string& name, uint32_t mtu);
  // Makes the pair with the host's end in the bridge; isolated ports of one bridge do not reach each other.
  Status AddVeth(const VethPair& pair);
  Status IsolatePort(const std::string& name);
  Status Delete(const std::string& name);  // a missing one is no error
  Status SetUp(const std::string& name);
  Status AddAddress(int link, uint32_t address, int prefix_length);
  // "eth0" of a container's namespace: up, with its address and the way out.
  Status ConfigureContainer(int link, uint32_t address, uint32_t gateway, int prefix_length);

 private:
  Netlink netlink_;
};

Result<int> LinkIndex(const std::string& name);

}  // namespace burrow::os
