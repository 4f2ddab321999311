#include "builder/memory_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fs.h"

namespace burrow::builder {
namespace {

constexpr uint64_t kMaxBytes = 64u << 20;

}  // namespace

Result<std::string> MemoryFiles::Directory() {
  if (mount_.target().empty()) {
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory_, 0700));
    BURROW_ASSIGN_OR_RETURN(mount_, os::MountTmpfs(directory_, kMaxBytes));
  }
  return directory_;
}

Result<std::string> MemoryFiles::Add(std::string_view content, const FileOwner& owner) {
  BURROW_ASSIGN_OR_RETURN(std::string path, Directory());
  path += fmt::format("/file-{}", count_++);
  BURROW_ASSIGN_OR_RETURN(auto file, os::Open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  BURROW_RETURN_IF_ERROR(os::WriteAll(file.get(), content));
  if (::fchown(file.get(), owner.uid, owner.gid) != 0 || ::fchmod(file.get(), owner.mode & 0777) != 0)
    return FailErrno("give a file its owner and mode");
  return path;
}

}  // namespace burrow::builder
