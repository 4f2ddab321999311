#include "os/unix_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace burrow::os {

Result<UniqueFd> ListenUnix(int directory, const std::string& name, int backlog) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return FailErrno("make a socket");
  sockaddr_un address{.sun_family = AF_UNIX};
  const std::string path = fmt::format("/proc/self/fd/{}/{}", directory, name);
  if (path.size() >= sizeof address.sun_path) return Fail(Code::kInvalidArgument, "the name {} is too long", name);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), backlog) != 0) {
    return FailErrno(fmt::format("listen as {}", name));
  }
  return fd;
}

}  // namespace burrow::os
