#include "imagefs/fuse_mount.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "imagefs/fuse_abi.h"

namespace burrow::imagefs {
namespace {

constexpr int kInitDeadlineMs = 10'000;
constexpr uint64_t kWanted = abi::kAsyncRead | abi::kBigWrites | abi::kDoReaddirplus | abi::kReaddirplusAuto |
                             abi::kNoOpenSupport | abi::kParallelDirops | abi::kMaxPages | abi::kCacheSymlinks |
                             abi::kNoOpendirSupport | abi::kExplicitInvalData | abi::kInitExt;

Result<UniqueFd> OpenDevice() {
  UniqueFd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (device.valid()) return device;
  int os_errno = errno;
  if (os_errno == EACCES || os_errno == EPERM) {
    return Fail(Code::kPermissionDenied,
                "/dev/fuse may not be opened; start burrowd as root, in a container with --device /dev/fuse");
  }
  return Fail(Code::kFailedPrecondition, "/dev/fuse cannot be opened ({}); load the module with 'modprobe fuse'",
              std::strerror(os_errno));
}

Result<os::Mount> Attach(const UniqueFd& device, const std::string& target) {
  std::string options =
      fmt::format("fd={},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read={}", device.get(),
                  kMaxReadBytes);
  if (::mount("burrow", target.c_str(), "fuse.burrow", MS_RDONLY | MS_NODEV | MS_NOSUID, options.c_str()) == 0) {
    return os::Mount(target);
  }
  if (errno == EPERM)
    return Fail(Code::kPermissionDenied, "mounting {} is not permitted; start burrowd as root", target);
  return FailErrno("mount the image filesystem on " + target);
}

struct Init {
  uint64_t unique;
  abi::InitIn in;
};

Result<Init> ReceiveInit(const UniqueFd& device) {
  pollfd waiting{.fd = device.get(), .events = POLLIN};
  int ready = ::poll(&waiting, 1, kInitDeadlineMs);
  if (ready < 0) return FailErrno("wait for the kernel's INIT");
  if (ready == 0) return Fail(Code::kDeadlineExceeded, "the kernel did not begin to use the image filesystem");
  std::string message(RequestSlots::kIncomingBytes, '\0');
  ssize_t n = ::read(device.get(), message.data(), message.size());
  if (n < 0) return FailErrno("read the kernel's INIT");
  abi::InHeader header;
  Init init{};
  constexpr size_t kOldInit = 16;  // before the second word of flags
  if (static_cast<size_t>(n) < sizeof header + kOldInit) return Fail(Code::kInternal, "the kernel's INIT is too short");
  std::memcpy(&header, message.data(), sizeof header);
  std::memcpy(&init.in, message.data() + sizeof header,
              std::min(sizeof init.in, static_cast<size_t>(n) - sizeof header));
  if (header.opcode != abi::kInit)
    return Fail(Code::kInternal, "the kernel's first request is {}, not INIT", header.opcode);
  init.unique = header.unique;
  return init;
}

Result<Features> Negotiate(const UniqueFd& device) {
  BURROW_ASSIGN_OR_RETURN(Init init, ReceiveInit(device));
  if (init.in.major != abi::kMajor || init.in.minor < abi::kOldestMinor) {
    return Fail(Code::kFailedPrecondition, "the kernel speaks FUSE {}.{}; images need Linux 5.10 or newer",
                init.in.major, init.in.minor);
  }
  uint64_t offered = init.in.flags;
  if (init.in.flags & abi::kInitExt) offered |= uint64_t{init.in.flags2} << 32;
  uint64_t agreed = offered & kWanted;
  struct {
    abi::OutHeader header;
    abi::InitOut out;
  } reply{};
  reply.header = {.len = sizeof reply, .error = 0, .unique = init.unique};
  reply.out = {.major = abi::kMajor,
               .minor = abi::kMinor,
               .max_readahead = kMaxReadBytes,
               .flags = static_cast<uint32_t>(agreed),
               // Read-ahead that waits for the network must not keep other read-ahead from being sent.
               .max_background = 512,
               .congestion_threshold = 384,
               .max_write = 4096,
               .time_gran = 1,
               .max_pages = kMaxReadBytes / 4096,
               .flags2 = static_cast<uint32_t>(agreed >> 32)};
  if (::write(device.get(), &reply, sizeof reply) != sizeof reply) return FailErrno("answer the kernel's INIT");
  return Features{.no_open = (agreed & abi::kNoOpenSupport) != 0, .no_opendir = (agreed & abi::kNoOpendirSupport) != 0};
}

}  // namespace

Result<FuseMount> MountFuse(const std::string& target) {
  FuseMount made;
  BURROW_ASSIGN_OR_RETURN(made.device, OpenDevice());
  BURROW_ASSIGN_OR_RETURN(made.mount, Attach(made.device, target));
  BURROW_ASSIGN_OR_RETURN(made.features, Negotiate(made.device));
  return made;
}

}  // namespace burrow::imagefs
