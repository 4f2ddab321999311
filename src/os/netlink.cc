#include "os/netlink.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>

namespace burrow::os {
namespace {

constexpr int kAnswerTimeoutMs = 30'000;
constexpr int kReceiveBuffer = 1 << 20;

}  // namespace

void NetlinkBatch::BeginRaw(std::string_view what, uint16_t type, uint16_t flags, const void* header, size_t size) {
  whats_.emplace_back(what);
  current_ = data_.size();
  nlmsghdr message{};
  message.nlmsg_type = type;
  message.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
  Append(&message, sizeof message);
  Append(header, size);
}

void NetlinkBatch::Append(const void* data, size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  data_.insert(data_.end(), bytes, bytes + size);
  data_.resize(NLMSG_ALIGN(data_.size()));
  SetLength();
}

void NetlinkBatch::SetLength() {
  const auto length = static_cast<uint32_t>(data_.size() - current_);
  memcpy(data_.data() + current_ + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

void NetlinkBatch::Put(uint16_t type, const void* data, size_t size) {
  rtattr attribute{};
  attribute.rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
  attribute.rta_type = type;
  Append(&attribute, sizeof attribute);
  if (size > 0) Append(data, size);
}

void NetlinkBatch::PutText(uint16_t type, std::string_view text) {
  const std::string terminated(text);
  Put(type, terminated.c_str(), terminated.size() + 1);
}

size_t NetlinkBatch::Nest(uint16_t type) {
  const size_t start = data_.size();
  Put(static_cast<uint16_t>(type | NLA_F_NESTED), nullptr, 0);
  return start;
}

void NetlinkBatch::Close(size_t start) {
  const auto length = static_cast<uint16_t>(data_.size() - start);
  memcpy(data_.data() + start, &length, sizeof length);
}

Result<Netlink> Netlink::Open() {
  Netlink netlink;
  netlink.socket_ = UniqueFd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!netlink.socket_.valid()) return FailErrno("open a netlink socket");
  const int on = 1;
  setsockopt(netlink.socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(netlink.socket_.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  return netlink;
}

Status Netlink::Receive(const std::function<bool(const nlmsghdr&)>& handle) {
  alignas(nlmsghdr) std::array<char, 64u << 10> buffer;
  for (;;) {
    pollfd fd{socket_.get(), POLLIN, 0};
    const int ready = poll(&fd, 1, kAnswerTimeoutMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return Fail(Code::kDeadlineExceeded, "the kernel does not answer on netlink");
    const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("receive from netlink");
    auto left = static_cast<uint32_t>(count);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (!handle(*message)) return {};
    }
  }
}

Status Netlink::Send(NetlinkBatch batch) {
  const uint32_t first = sequence_;
  for (size_t at = 0; at < batch.data_.size();) {
    nlmsghdr message;
    memcpy(&message, batch.data_.data() + at, sizeof message);
    message.nlmsg_flags |= NLM_F_ACK;
    message.nlmsg_seq = sequence_++;
    memcpy(batch.data_.data() + at, &message, sizeof message);
    at += NLMSG_ALIGN(message.nlmsg_len);
  }
  if (send(socket_.get(), batch.data_.data(), batch.data_.size(), 0) < 0) return FailErrno("send to netlink");

  size_t answers = 0;
  std::optional<std::pair<size_t, int>> failure;
  BURROW_RETURN_IF_ERROR(Receive([&](const nlmsghdr& message) {
    const uint32_t index = message.nlmsg_seq - first;
    if (message.nlmsg_type != NLMSG_ERROR || index >= batch.whats_.size()) return true;
    const int error = static_cast<const nlmsgerr*>(NLMSG_DATA(&message))->error;
    if (error != 0 && !failure) failure = {index, -error};
    return ++answers < batch.whats_.size();
  }));
  if (failure) return FailErrno(batch.whats_[failure->first], failure->second);
  return {};
}

Status Netlink::Dump(uint16_t type, uint8_t family, const std::function<void(const nlmsghdr&)>& visit) {
  NetlinkBatch batch;
  // The longest of the headers; the kernel reads the family alone.
  rtmsg header{};
  header.rtm_family = family;
  batch.Begin("dump", type, NLM_F_DUMP, header);
  if (type == RTM_GETLINK) {
    batch = {};
    ifinfomsg link{};
    link.ifi_family = family;
    batch.Begin("dump", type, NLM_F_DUMP, link);
  }
  const uint32_t sequence = sequence_++;
  memcpy(batch.data_.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
  if (send(socket_.get(), batch.data_.data(), batch.data_.size(), 0) < 0) return FailErrno("send to netlink");
  int error = 0;
  BURROW_RETURN_IF_ERROR(Receive([&](const nlmsghdr& message) {
    if (message.nlmsg_seq != sequence) return true;
    if (message.nlmsg_type == NLMSG_DONE) return false;
    if (message.nlmsg_type == NLMSG_ERROR) {
      error = -static_cast<const nlmsgerr*>(NLMSG_DATA(&message))->error;
      return false;
    }
    visit(message);
    return true;
  }));
  if (error != 0) return FailErrno("list the network's state", error);
  return {};
}

void VisitAttributes(const nlmsghdr& message, size_t header_size, const std::function<void(const rtattr&)>& visit) {
  const auto* data = static_cast<const char*>(NLMSG_DATA(&message)) + NLMSG_ALIGN(header_size);
  const auto* attribute = reinterpret_cast<const rtattr*>(data);
  auto left = static_cast<int>(message.nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(header_size)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) visit(*attribute);
}

}  // namespace burrow::os
