// How `burrowd up` and the processes that it starts speak: one JSON line each way over a socket pair. Tokens travel
// here, so that they are in no argument and no environment.
#pragma once

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::cmd {

struct Handshake {
  UniqueFd ours, theirs;
};
Result<Handshake> MakeHandshake();

Status SendLine(int fd, const nlohmann::json& message);
// The peer's line; kUnavailable when it closed without one, kDeadlineExceeded when it stayed silent, and its error when
// it refused; kCancelled once `interrupt_fd`, where there is one, is readable.
Result<nlohmann::json> ReceiveLine(int fd, std::chrono::milliseconds deadline, int interrupt_fd = -1);
// Tells the parent why this process cannot start, so that one sentence is printed once; without a parent, prints it.
// Gives exit code 1.
int Refuse(int handshake_fd, const Error& error);

// From a parent to its control: let the calls that run end, then stop. SIGTERM stops at once, also meanwhile.
inline constexpr int kDrainSignal = SIGUSR1;

// A terminal's Ctrl-C and its end reach the whole process group; where there is a parent, it alone decides when to
// stop.
void LeaveTerminalToParent(int handshake_fd);

}  // namespace burrow::cmd
