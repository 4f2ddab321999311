#include "os/fs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace burrow::os {
namespace {

constexpr size_t kReadStep = 64u << 10;

std::string ParentOf(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status SyncDirectory(const std::string& path) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, Open(path, O_RDONLY | O_DIRECTORY));
  if (fsync(fd.get()) != 0) return FailErrno(fmt::format("fsync {}", path));
  return {};
}

// Everything but the rename; the caller unlinks `temporary` when this fails.
Status FillTemporary(int fd, const std::string& temporary, std::string_view content, unsigned mode) {
  BURROW_RETURN_IF_ERROR(WriteAll(fd, content));
  if (fchmod(fd, mode) != 0) return FailErrno(fmt::format("chmod {}", temporary));
  if (fsync(fd) != 0) return FailErrno(fmt::format("fsync {}", temporary));
  return {};
}

Status MakeDirectory(const std::string& path, unsigned mode) {
  if (mkdir(path.c_str(), mode) == 0) return {};
  const int mkdir_errno = errno;
  struct stat info{};
  if (mkdir_errno == EEXIST && stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return FailErrno(fmt::format("make directory {}", path), mkdir_errno == EEXIST ? ENOTDIR : mkdir_errno);
}

}  // namespace

Result<UniqueFd> Open(const std::string& path, int flags, unsigned mode) {
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.valid()) return FailErrno(fmt::format("open {}", path));
  return fd;
}

Result<UniqueFd> OpenInRoot(int root, const std::string& path, int flags, unsigned mode) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // The kernel asks for another try when a rename or mount went on elsewhere during the walk.
  for (int attempt = 0;; ++attempt) {
    UniqueFd fd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
    if (fd.valid()) return fd;
    if (errno != EAGAIN || attempt == 100) return FailErrno(fmt::format("open {} inside its root", path));
  }
}

Result<UniqueFd> OpenBeneath(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  UniqueFd fd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
  if (!fd.valid()) return FailErrno(fmt::format("open /{}", path));
  return fd;
}

Result<std::string> ReadFile(const std::string& path, uint64_t limit) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, Open(path, O_RDONLY));
  std::string content;
  struct stat st{};
  // The size is a hint: files of /proc have none.
  if (fstat(fd.get(), &st) == 0 && st.st_size > 0)
    content.reserve(std::min(static_cast<uint64_t>(st.st_size), limit) + kReadStep);
  for (;;) {
    const size_t old_size = content.size();
    ssize_t count = 0;
    content.resize_and_overwrite(old_size + kReadStep, [&](char* data, size_t) {
      count = read(fd.get(), data + old_size, kReadStep);
      return old_size + (count > 0 ? static_cast<size_t>(count) : 0);
    });
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno(fmt::format("read {}", path));
    if (content.size() > limit) return Fail(Code::kOutOfRange, "{} is larger than {} bytes", path, limit);
    if (count == 0) return content;
  }
}

Status WriteFileAtomically(const std::string& path, std::string_view content, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return FailErrno(fmt::format("create {}", temporary));
  Status status = FillTemporary(fd.get(), temporary, content, mode);
  if (status && rename(temporary.c_str(), path.c_str()) != 0) status = FailErrno(fmt::format("rename to {}", path));
  if (!status) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncDirectory(ParentOf(path));
}

Status WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("write");
    data.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Status WriteAllAt(int fd, std::string_view data, uint64_t offset) {
  while (!data.empty()) {
    const ssize_t count = pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("write");
    data.remove_prefix(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return {};
}

Status MakeDirectories(const std::string& path, unsigned mode) {
  if (path.empty()) return Fail(Code::kInvalidArgument, "make directory: the path is empty");
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    BURROW_RETURN_IF_ERROR(MakeDirectory(path.substr(0, slash), mode));
  }
  return MakeDirectory(path, mode);
}

Result<UniqueFd> LockFile(const std::string& path) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, Open(path, O_RDWR | O_CREAT, 0600));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return FailErrno(fmt::format("lock {}", path));
  return Fail(Code::kFailedPrecondition, "{} is locked by another process", path);
}

}  // namespace burrow::os
