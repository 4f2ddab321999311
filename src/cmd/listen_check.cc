#include "cmd/listen_check.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/unique_fd.h"

namespace burrow::cmd {

Status CheckAddressIsFree(const Address& address) {
  const addrinfo hints{.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
  addrinfo* list = nullptr;
  const int unknown = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(list, &::freeaddrinfo);
  if (unknown != 0 || !found) {
    return Fail(Code::kFailedPrecondition, "cannot listen on {}: {}: give an address of this machine with --listen",
                address.host, ::gai_strerror(unknown));
  }
  UniqueFd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return FailErrno("make a socket");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) == 0) return {};
  if (errno == EADDRINUSE) {
    return Fail(Code::kFailedPrecondition,
                "cannot listen on {}:{}: the port is taken by another process: stop it, or choose another port with "
                "--listen HOST:PORT",
                address.host, address.port);
  }
  return Fail(Code::kFailedPrecondition, "cannot listen on {}:{}: {}: choose another address with --listen HOST:PORT",
              address.host, address.port, std::strerror(errno));
}

Status CheckFirstStart(const std::string& state_directory, const Address& address) {
  std::error_code error;
  const bool exists = std::filesystem::exists(state_directory, error);
  if (exists && !std::filesystem::is_empty(state_directory, error)) return {};
  return CheckAddressIsFree(address);
}

}  // namespace burrow::cmd
