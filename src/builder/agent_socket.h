// The sockets of --mount=type=ssh: what a process of the step asks its ssh agent goes to the user's machine and back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "builder/agent_link.h"

namespace burrow::builder {

// Of the agent protocol, without its four bytes of length: 256 KiB, as OpenSSH has it.
inline constexpr size_t kMaxAgentMessage = 256u << 10;
// At once; more wait for their turn.
inline constexpr size_t kMaxAgentConnections = 32;

// Pure. The size of the message that `bytes` begin with, its length included: 0 while that is not known or not all of
// it is there. kInvalidArgument where it is none.
Result<size_t> WholeAgentMessage(std::string_view bytes);

// Serves the sockets of one step on a thread of its own. The destructor ends that with every connection.
class AgentSockets {
 public:
  // The directory is private to the step. `link` is not owned.
  AgentSockets(AgentLink* link, std::string directory);
  ~AgentSockets();

  // Before Start. Gives the new socket's path.
  Result<std::string> Listen(const burrow::link::v1::RunMount::Agent& agent);
  Status Start();

 private:
  class Relay;
  std::string directory_;
  std::unique_ptr<Relay> relay_;
};

}  // namespace burrow::builder
