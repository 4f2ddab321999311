#include "os/tree_size.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "base/unique_fd.h"
#include "os/directory_stream.h"

namespace burrow::os {
namespace {

constexpr int kMaxMeasuredDepth = 128;
constexpr uint64_t kStatBlock = 512;

uint64_t BytesBelow(UniqueFd fd, dev_t device, int depth) {
  const DirectoryStream directory = StreamOf(std::move(fd));
  if (!directory) return 0;
  const int at = ::dirfd(directory.get());
  uint64_t bytes = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    struct stat info{};
    if (name == "." || name == ".." || ::fstatat(at, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const uint64_t taken = static_cast<uint64_t>(info.st_blocks) * kStatBlock;
    bytes += S_ISDIR(info.st_mode) ? taken : taken / std::max<uint64_t>(info.st_nlink, 1);
    if (!S_ISDIR(info.st_mode) || info.st_dev != device || depth == kMaxMeasuredDepth) continue;
    UniqueFd below(::openat(at, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below.valid()) bytes += BytesBelow(std::move(below), device, depth + 1);
  }
  return bytes;
}

uint64_t BytesOf(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return 0;
  return BytesBelow(std::move(fd), info.st_dev, 0);
}

}  // namespace

uint64_t TreeBytes(const std::vector<std::string>& directories) {
  uint64_t bytes = 0;
  for (const std::string& directory : directories) bytes += BytesOf(directory);
  return bytes;
}

}  // namespace burrow::os
