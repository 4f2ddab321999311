#include "cmd/handshake.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <iterator>

#include "cmd/options.h"

namespace burrow::cmd {
namespace {
constexpr size_t kMaxLine = 64u << 10;
}

Result<Handshake> MakeHandshake() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return FailErrno("socketpair");
  return Handshake{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// The other end may have died: that is an error here, and no signal.
Status SendLine(int fd, const nlohmann::json& message) {
  const std::string line = message.dump() + "\n";
  for (size_t sent = 0; sent < line.size();) {
    const ssize_t n = ::send(fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("tell a process of burrowd");
    sent += static_cast<size_t>(n);
  }
  return {};
}

Result<nlohmann::json> ReceiveLine(int fd, std::chrono::milliseconds deadline, int interrupt_fd) {
  auto end = std::chrono::steady_clock::now() + deadline;
  std::string line;
  while (line.size() < kMaxLine) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting[] = {{fd, POLLIN, 0}, {interrupt_fd, POLLIN, 0}};
    int ready = left.count() > 0 ? ::poll(waiting, std::size(waiting), static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return FailErrno("poll");
    if (ready == 0) return Fail(Code::kDeadlineExceeded, "a process of burrowd did not become ready in time");
    if (waiting[1].revents != 0) return Fail(Code::kCancelled, "burrowd was stopped while it started");
    char byte;
    ssize_t got = ::read(fd, &byte, 1);
    if (got <= 0) return Fail(Code::kUnavailable, "a process of burrowd ended before it was ready");
    if (byte == '\n') break;
    line += byte;
  }
  auto message = nlohmann::json::parse(line, nullptr, false);
  if (!message.is_object()) return Fail(Code::kInternal, "a process of burrowd sent an unreadable handshake");
  if (auto error = message.find("error"); error != message.end() && error->is_string()) {
    return Fail(Code::kFailedPrecondition, "{}", error->get<std::string>());
  }
  return message;
}

int Refuse(int handshake_fd, const Error& error) {
  if (handshake_fd < 0 || !SendLine(handshake_fd, {{"error", error.message()}})) return Complain(error);
  return 1;
}

void LeaveTerminalToParent(int handshake_fd) {
  if (handshake_fd < 0) return;
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
}

}  // namespace burrow::cmd
