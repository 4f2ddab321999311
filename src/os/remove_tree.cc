// RemoveTree: a directory tree made by strangers may be of any depth, so the walk holds few descriptors and little
// stack.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <utility>

#include "os/directory_stream.h"
#include "os/fs.h"

namespace burrow::os {
namespace {

// Below this depth a directory is moved up to the top before it is emptied.
constexpr int kMaxDepth = 64;

// One subdirectory, never through a link or onto another mount.
Result<DirectoryStream> OpenDirectory(int parent, const char* name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(syscall(SYS_openat2, parent, name, &how, sizeof how)));
  if (!fd.valid() && errno == EXDEV) {
    return Fail(Code::kFailedPrecondition, "{} is a mount point: unmount it first", name);
  }
  if (!fd.valid()) return FailErrno(fmt::format("open {}", name));
  DirectoryStream directory = StreamOf(std::move(fd));
  if (!directory) return FailErrno("fdopendir");
  return directory;
}

class TreeRemover {
 public:
  explicit TreeRemover(int top) : top_(top) {}

  Status Empty(DIR* directory, int depth) {
    const int fd = dirfd(directory);
    for (errno = 0; const dirent* entry = readdir(directory); errno = 0) {
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      BURROW_RETURN_IF_ERROR(RemoveEntry(fd, entry->d_name, depth));
    }
    if (errno != 0) return FailErrno("read directory");
    return {};
  }
  bool moved() { return std::exchange(moved_, false); }

 private:
  Status RemoveEntry(int parent, const char* name, int depth) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return FailErrno(fmt::format("remove {}", name));
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    if (errno != ENOTEMPTY) return FailErrno(fmt::format("remove {}", name));
    if (depth >= kMaxDepth) return MoveUp(parent, name);
    {
      BURROW_ASSIGN_OR_RETURN(DirectoryStream directory, OpenDirectory(parent, name));
      BURROW_RETURN_IF_ERROR(Empty(directory.get(), depth + 1));
    }
    if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT) return FailErrno(fmt::format("remove {}", name));
    return {};
  }

  Status MoveUp(int parent, const char* name) {
    for (;;) {
      const std::string target = fmt::format(".deep-{}", next_++);
      if (syscall(SYS_renameat2, parent, name, top_, target.c_str(), 1 /* RENAME_NOREPLACE */) == 0) break;
      if (errno != EEXIST) return FailErrno(fmt::format("move {}", name));
    }
    moved_ = true;
    return {};
  }

  int top_;
  uint64_t next_ = 0;
  bool moved_ = false;
};

Status EmptyTop(DIR* directory) {
  TreeRemover remover(dirfd(directory));
  do {
    rewinddir(directory);
    BURROW_RETURN_IF_ERROR(remover.Empty(directory, 0));
  } while (remover.moved());
  return {};
}

// The last component is opened from its parent, so that a mount point is told there too.
Status EmptyDirectory(const std::string& path) {
  const std::filesystem::path whole = path;
  const std::filesystem::path trimmed = whole.has_filename() ? whole : whole.parent_path();
  const std::string parent = trimmed.has_parent_path() ? trimmed.parent_path().string() : ".";
  BURROW_ASSIGN_OR_RETURN(UniqueFd parent_fd, Open(parent, O_PATH | O_DIRECTORY));
  BURROW_ASSIGN_OR_RETURN(DirectoryStream directory, OpenDirectory(parent_fd.get(), trimmed.filename().c_str()));
  return EmptyTop(directory.get());
}

}  // namespace

Status RemoveTree(const std::string& path) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return FailErrno(fmt::format("remove {}", path));
  }
  if (S_ISDIR(info.st_mode)) {
    if (Status status = EmptyDirectory(path); !status) {
      return Forward(std::move(status.error()).WithContext(fmt::format("remove {}", path)));
    }
  }
  if (unlinkat(AT_FDCWD, path.c_str(), S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT) {
    return FailErrno(fmt::format("remove {}", path));
  }
  return {};
}

}  // namespace burrow::os
