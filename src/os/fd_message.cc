#include "os/fd_message.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace burrow::os {
namespace {

constexpr size_t kMaxDescriptors = 32;
constexpr size_t kMaxText = 4096;

Status SetDeadline(int socket, std::chrono::milliseconds deadline) {
  const timeval limit{.tv_sec = deadline.count() / 1000, .tv_usec = deadline.count() % 1000 * 1000};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (setsockopt(socket, SOL_SOCKET, option, &limit, sizeof limit) != 0) return FailErrno("bound a socket's waits");
  }
  return {};
}

void TakeControl(const cmsghdr& control, ReceivedMessage& message) {
  if (control.cmsg_level != SOL_SOCKET) return;
  const size_t size = control.cmsg_len - CMSG_LEN(0);
  if (control.cmsg_type == SCM_CREDENTIALS && size >= sizeof(ucred)) {
    ucred sender;
    std::memcpy(&sender, CMSG_DATA(&control), sizeof sender);
    message.sender = sender.pid;
  }
  if (control.cmsg_type != SCM_RIGHTS) return;
  for (size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(&control) + at, sizeof fd);
    message.descriptors.emplace_back(fd);
  }
}

}  // namespace

Result<MessagePair> MakeMessagePair(std::chrono::milliseconds deadline) {
  std::array<int, 2> made;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, made.data()) != 0) return FailErrno("make a socket pair");
  MessagePair pair{.ours = UniqueFd(made[0]), .theirs = UniqueFd(made[1])};
  BURROW_RETURN_IF_ERROR(SetDeadline(pair.ours.get(), deadline));
  const int on = 1;
  if (setsockopt(pair.ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) return FailErrno("ask who sends");
  return pair;
}

Status SendMessage(int socket, std::string_view text, const std::vector<int>& descriptors) {
  if (descriptors.size() > kMaxDescriptors) return Fail(Code::kInvalidArgument, "too many descriptors for a message");
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> space{};
  iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  msghdr message{.msg_iov = &part, .msg_iovlen = 1};
  if (!descriptors.empty()) {
    message.msg_control = space.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(control), descriptors.data(), sizeof(int) * descriptors.size());
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {};
  if (errno == EPIPE || errno == ECONNRESET) return Fail(Code::kUnavailable, "the process at the other end is gone");
  return FailErrno("send a message");
}

Result<ReceivedMessage> ReceiveMessage(int socket) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors) + CMSG_SPACE(sizeof(ucred))> space{};
  ReceivedMessage received;
  received.text.resize(kMaxText);
  iovec part{.iov_base = received.text.data(), .iov_len = received.text.size()};
  msghdr message{.msg_iov = &part, .msg_iovlen = 1, .msg_control = space.data(), .msg_controllen = space.size()};
  ssize_t got;
  do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return Fail(Code::kDeadlineExceeded, "no message came in time");
  if (got < 0 && errno != ECONNRESET) return FailErrno("receive a message");
  received.text.resize(got < 0 ? 0 : static_cast<size_t>(got));
  for (const cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(control)))
    TakeControl(*control, received);
  return received;
}

}  // namespace burrow::os
