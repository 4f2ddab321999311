// The little of rtnetlink that container networks need. A socket speaks for the network namespace of the thread that
// opened it. Blocking; one thread at a time.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::os {

// Builds one or more requests, to be sent in one go.
class NetlinkBatch {
 public:
  // Starts a request; `header` is the fixed structure that follows nlmsghdr.
  template <class Header>
  void Begin(std::string_view what, uint16_t type, uint16_t flags, const Header& header) {
    BeginRaw(what, type, flags, &header, sizeof header);
  }
  void Put(uint16_t type, const void* data, size_t size);
  void PutText(uint16_t type, std::string_view text);  // with a terminating zero
  template <class Number>
  void PutNumber(uint16_t type, Number number) {
    Put(type, &number, sizeof number);
  }
  // Nesting returns where it starts; Close ends it.
  size_t Nest(uint16_t type);
  void Close(size_t start);
  // A nested attribute's own fixed structure, such as the ifinfomsg of a veth's peer.
  void Append(const void* data, size_t size);

 private:
  friend class Netlink;
  void BeginRaw(std::string_view what, uint16_t type, uint16_t flags, const void* header, size_t size);
  void SetLength();
  std::vector<char> data_;
  std::vector<std::string> whats_;
  size_t current_ = 0;
};

class Netlink {
 public:
  static Result<Netlink> Open();
  // Sends all requests and waits for every answer; the first failure, with its request's name, is returned.
  Status Send(NetlinkBatch batch);
  // Walks a dump: `visit` gets each message.
  Status Dump(uint16_t type, uint8_t family, const std::function<void(const nlmsghdr&)>& visit);

 private:
  Status Receive(const std::function<bool(const nlmsghdr&)>& handle);  // until it says false
  UniqueFd socket_;
  uint32_t sequence_ = 1;
};

// Calls `visit` for each attribute behind a message's fixed header of `header_size`.
void VisitAttributes(const nlmsghdr& message, size_t header_size, const std::function<void(const rtattr&)>& visit);

}  // namespace burrow::os
