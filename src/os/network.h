// Container networks: a namespace with loopback and one veth each, NAT to the outside. Speaks netlink itself; the NAT
// table is nftables'. Blocking; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::os {

class ContainerNetwork;

// The node's side: a bridge "bw<tag>", a free 10.x.y.0/24 and an nftables table "burrow_<tag>". `tag` is at most 8 of
// [0-9a-f]. The destructor removes all of it but one thing: net.ipv4.ip_forward, which Create turns on, stays on.
// Create first removes what an earlier process of the same tag left (bridge, veths "bw<tag>...", table).
class NodeNetwork {
 public:
  static Result<std::unique_ptr<NodeNetwork>> Create(const std::string& tag);
  ~NodeNetwork();

  // Thread-safe. The address is free again when the ContainerNetwork is gone. Containers reach the outside by NAT, but
  // neither each other, nor the host's own addresses, nor link-local ones (169.254.0.0/16: instance metadata).
  // In a network namespace of its own, or in the empty one of that descriptor.
  Result<ContainerNetwork> CreateContainerNetwork(int existing_namespace = -1);
  const std::string& bridge() const;

 private:
  struct State;
  explicit NodeNetwork(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
  friend class ContainerNetwork;
};

// One network namespace, held by a descriptor alone: gone, with its link, soon after its last user.
class ContainerNetwork {
 public:
  ContainerNetwork(ContainerNetwork&&) noexcept;
  ContainerNetwork& operator=(ContainerNetwork&&) noexcept;
  ~ContainerNetwork();
  int namespace_fd() const { return namespace_.get(); }
  const std::string& address() const { return address_; }  // "10.88.3.7"

 private:
  friend class NodeNetwork;
  ContainerNetwork() = default;
  UniqueFd namespace_;
  std::string address_;
  uint8_t host_number_ = 0;
  std::shared_ptr<void> state_;
};

// A network namespace, or the empty one of that descriptor, with nothing but loopback, up. Gone with its last user.
Result<UniqueFd> CreateLoopbackNamespace(int existing_namespace = -1);

}  // namespace burrow::os
