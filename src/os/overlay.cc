#include "os/overlay.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/unique_fd.h"

namespace burrow::os {
namespace {

// Device nodes of an image may not be opened.
constexpr unsigned long kFlags = MS_NODEV;
constexpr size_t kMountDataLimit = 4095;

std::string Escape(std::string_view path) {
  std::string escaped;
  for (char c : path) {
    if (c == ':' || c == ',' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

bool Writable(const OverlayOptions& options) { return !options.upper.empty(); }

struct Setting {
  const char *key, *value;
};
// With xino, inode numbers stay also of directories, when the kernel has forgotten them meanwhile: the layer is in
// their upper bits, which none of our filesystems uses.
std::vector<Setting> Settings(const OverlayOptions& options) {
  const bool metacopy = options.lower.needs_metacopy, redirect = metacopy || options.lower.renames_directories;
  return {{"redirect_dir", redirect ? "on" : "off"},
          {"metacopy", metacopy ? "on" : "off"},
          {"index", "off"},
          {"xino", "on"}};
}
// What a container wrote is worth nothing after a crash of the machine, so its fsync need not reach the disk.
constexpr const char* kVolatile = "volatile";

// One overlay while it is configured by fsopen, which takes any number of layers.
class OverlayContext {
 public:
  static Result<OverlayContext> Open() {
    OverlayContext context;
    context.fd_.Reset(static_cast<int>(syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
    if (!context.fd_.valid()) return FailErrno("fsopen overlay");
    return context;
  }

  // False where this kernel does not know layers one by one.
  bool AddFirstLayer(const std::string& layer) { return Set("lowerdir+", layer.c_str()); }

  Status Configure(const OverlayOptions& options) {
    const auto& directories = options.lower.directories;
    for (size_t i = 1; i < directories.size(); ++i) BURROW_RETURN_IF_ERROR(Add("lowerdir+", directories[i]));
    for (const std::string& layer : options.lower.data_only) BURROW_RETURN_IF_ERROR(Add("datadir+", layer));
    bool ok = true;
    if (Writable(options)) {
      ok = Set("upperdir", Escape(options.upper).c_str()) && Set("workdir", Escape(options.work).c_str()) &&
           syscall(SYS_fsconfig, fd_.get(), FSCONFIG_SET_FLAG, kVolatile, nullptr, 0) == 0;
    }
    for (const auto& [key, value] : Settings(options)) ok = ok && Set(key, value);
    ok = ok && syscall(SYS_fsconfig, fd_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
    return ok ? Status() : Refused("configure overlay");
  }

  Status Attach(const OverlayOptions& options, const std::string& target) {
    unsigned attributes = MOUNT_ATTR_NODEV | (Writable(options) ? 0 : MOUNT_ATTR_RDONLY);
    UniqueFd mount(static_cast<int>(syscall(SYS_fsmount, fd_.get(), FSMOUNT_CLOEXEC, attributes)));
    if (!mount.valid()) return Refused("fsmount overlay");
    if (syscall(SYS_move_mount, mount.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) return {};
    return FailErrno(fmt::format("mount overlay on {}", target));
  }

 private:
  bool Set(const char* key, const char* value) {
    return syscall(SYS_fsconfig, fd_.get(), FSCONFIG_SET_STRING, key, value, 0) == 0;
  }
  Status Add(const char* key, const std::string& layer) {
    return Set(key, layer.c_str()) ? Status() : Refused(fmt::format("overlay over {}", layer));
  }
  // The error with the last of what the kernel says about it.
  Status Refused(const std::string& what) {
    const int os_errno = errno;
    char text[1024];
    std::string said;
    for (ssize_t size; (size = read(fd_.get(), text, sizeof text)) > 0;) said.assign(text, static_cast<size_t>(size));
    return FailErrno(said.empty() ? what : fmt::format("{} ({})", what, said), os_errno);
  }

  UniqueFd fd_;
};

std::string MountData(const OverlayOptions& options) {
  std::string data = "lowerdir=";
  const char* separator = "";
  for (const std::string& layer : options.lower.directories) {
    data += std::exchange(separator, ":") + Escape(layer);
  }
  for (const std::string& layer : options.lower.data_only) data += "::" + Escape(layer);
  if (Writable(options)) {
    data += fmt::format(",upperdir={},workdir={},{}", Escape(options.upper), Escape(options.work), kVolatile);
  }
  for (const auto& [key, value] : Settings(options)) data += fmt::format(",{}={}", key, value);
  return data;
}

// For kernels before 6.8.
Status MountByString(const OverlayOptions& options, const std::string& target) {
  const std::string data = MountData(options);
  if (data.size() > kMountDataLimit) {
    return Fail(Code::kInvalidArgument, "an overlay of {} layers needs Linux 6.8 or shorter paths",
                options.lower.directories.size() + options.lower.data_only.size());
  }
  const unsigned long flags = kFlags | (Writable(options) ? 0 : MS_RDONLY);
  if (mount("overlay", target.c_str(), "overlay", flags, data.c_str()) == 0) return {};
  return FailErrno(fmt::format("mount overlay on {}", target));
}

}  // namespace

Result<Mount> MountOverlay(const OverlayOptions& options, const std::string& target) {
  if (options.lower.directories.empty()) {
    return Fail(Code::kInvalidArgument, "an overlay needs at least one lower directory");
  }
  // The kernel makes no overlay of one layer.
  const size_t layers = options.lower.directories.size() + options.lower.data_only.size();
  if (layers == 1 && !Writable(options)) return BindMount(options.lower.directories.front(), target, true);
  auto context = OverlayContext::Open();
  if (context && context->AddFirstLayer(options.lower.directories.front())) {
    BURROW_RETURN_IF_ERROR(context->Configure(options));
    BURROW_RETURN_IF_ERROR(context->Attach(options, target));
  } else {
    BURROW_RETURN_IF_ERROR(MountByString(options, target));
  }
  return Mount(target);
}

}  // namespace burrow::os
