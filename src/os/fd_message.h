// Messages with descriptors between processes, over Unix sockets. Blocking; any thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::os {

// A connected pair that keeps messages apart (SOCK_SEQPACKET), close-on-exec. `ours` gives up after `deadline` in
// either direction, and learns who sends.
struct MessagePair {
  UniqueFd ours, theirs;
};
Result<MessagePair> MakeMessagePair(std::chrono::milliseconds deadline);

// At most 32 descriptors, which stay the caller's. kUnavailable where nobody is at the other end.
Status SendMessage(int socket, std::string_view text, const std::vector<int>& descriptors = {});

struct ReceivedMessage {
  std::string text;  // of at most 4 KiB; empty: the other end is closed
  pid_t sender = 0;  // as this process's pid namespace numbers it; 0 where the socket does not ask for it
  std::vector<UniqueFd> descriptors;
};
Result<ReceivedMessage> ReceiveMessage(int socket);

}  // namespace burrow::os
