#include "cmd/options.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>

#include "base/unique_fd.h"

namespace burrow::cmd {
namespace {
const dev_t kFuseDevice = makedev(10, 229);
}

Result<Address> ParseAddress(const std::string& text) {
  size_t colon = text.rfind(':');
  Address address;
  unsigned port = 0;
  if (colon != std::string::npos && colon > 0) {
    const char* end = text.data() + text.size();
    auto [last, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error == std::errc() && last == end && port <= 65535) {
      address.host = text.substr(0, colon);
      address.port = static_cast<uint16_t>(port);
      return address;
    }
  }
  return Fail(Code::kInvalidArgument, "'{}' is no address: write HOST:PORT, for example 127.0.0.1:8484", text);
}

Status CheckHost() {
  if (geteuid() != 0) return Fail(Code::kPermissionDenied, "burrowd must run as root: start it with sudo");
  UniqueFd fuse(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  struct stat info{};
  if (!fuse.valid() || ::fstat(fuse.get(), &info) < 0 || info.st_rdev != kFuseDevice) {
    return Fail(Code::kFailedPrecondition,
                "/dev/fuse cannot be opened: load it with 'modprobe fuse', or give this machine access to the device");
  }
  return {};
}

std::string SelfPath() {
  char path[PATH_MAX];
  ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : "burrowd";
}

int Complain(const Error& error) {
  fmt::print(stderr, "burrowd: {}\n", error.message());
  return 1;
}

}  // namespace burrow::cmd
