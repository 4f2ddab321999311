#include "image/upper_scan.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "image/index.h"
#include "image/walk.h"
#include "os/directory_stream.h"
#include "os/fs.h"

namespace burrow::image {
namespace {

bool IsMarkedOpaque(int directory) {
  char value = 0;
  return ::fgetxattr(directory, kOpaqueAttribute, &value, 1) == 1 && value == 'y';
}

bool HasDirectory(int root, const std::string& path) {
  return os::OpenBeneath(root, path, O_PATH | O_DIRECTORY).has_value();
}

class UpperScanner {
 public:
  explicit UpperScanner(int lower) : lower_(lower) {}
  // Adds an entry and all below it. `hidden`: it is in a directory that hides the lower tree.
  Status Visit(int parent, const std::string& name, const std::string& path, uint32_t depth, bool hidden);
  std::vector<ScannedEntry> Take() { return std::move(scanned_); }

 private:
  Status CheckBounds(const std::string& path);
  Status VisitChildren(DIR* directory, const std::string& path, uint32_t depth, bool hidden);

  int lower_;
  size_t path_bytes_ = 0;
  std::vector<ScannedEntry> scanned_;
};

Status UpperScanner::CheckBounds(const std::string& path) {
  if (path.size() >= PATH_MAX)
    return Fail(Code::kOutOfRange, "the path /{}... has more than {} bytes", path.substr(0, 100), PATH_MAX - 1);
  path_bytes_ += path.size();
  if (scanned_.size() >= kMaxUpperEntries || path_bytes_ > kMaxUpperPaths)
    return Fail(Code::kOutOfRange, "more than {} files, or {} bytes of their paths, were written", kMaxUpperEntries,
                kMaxUpperPaths);
  return {};
}

Status UpperScanner::Visit(int parent, const std::string& name, const std::string& path, uint32_t depth, bool hidden) {
  struct stat st;
  if (::fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return HasGone(errno) ? Status() : FailErrno("stat /" + path);
  if (S_ISSOCK(st.st_mode)) return {};
  BURROW_RETURN_IF_ERROR(CheckBounds(path));
  ScannedEntry entry{.path = path, .print = FingerprintOf(st, path.empty()), .whiteout = IsWhiteout(st)};
  entry.linked = !S_ISDIR(st.st_mode) && !entry.whiteout && st.st_nlink > 1;
  if (!S_ISDIR(st.st_mode)) {
    scanned_.push_back(std::move(entry));
    return {};
  }
  if (depth > kMaxDepth) return Fail(Code::kInvalidArgument, "directories are nested more than {} deep", kMaxDepth);
  os::DirectoryStream directory = os::OpenDirectoryStream(parent, name.c_str());
  if (!directory) return HasGone(errno) ? Status() : FailErrno("open /" + path);
  const bool marked = !hidden && !path.empty() && IsMarkedOpaque(::dirfd(directory.get()));
  // Overlay marks new directories where there is nothing to hide, too.
  entry.opaque = marked && HasDirectory(lower_, path);
  scanned_.push_back(std::move(entry));
  return VisitChildren(directory.get(), path, depth, hidden || marked);
}

Status UpperScanner::VisitChildren(DIR* directory, const std::string& path, uint32_t depth, bool hidden) {
  BURROW_ASSIGN_OR_RETURN(const auto names, NamesIn(directory));
  const std::string prefix = path.empty() ? path : path + '/';
  for (const std::string& child : names)
    BURROW_RETURN_IF_ERROR(Visit(::dirfd(directory), child, prefix + child, depth + 1, hidden));
  return {};
}

}  // namespace

bool HasGone(int os_errno) { return os_errno == ENOENT || os_errno == ENOTDIR || os_errno == ELOOP; }

Fingerprint FingerprintOf(const struct stat& st, bool root) {
  if (IsWhiteout(st)) return {.mode = st.st_mode};
  if (root) return {.mode = st.st_mode, .inode = uint64_t{st.st_uid} << 32 | st.st_gid};
  return {.mode = st.st_mode,
          .inode = st.st_ino,
          .size = S_ISDIR(st.st_mode) ? 0 : static_cast<uint64_t>(st.st_size),
          .ctime_ns = st.st_ctim.tv_sec * 1'000'000'000 + st.st_ctim.tv_nsec};
}

Result<std::vector<ScannedEntry>> ScanUpper(int upper, int lower) {
  UpperScanner scanner(lower);
  BURROW_RETURN_IF_ERROR(scanner.Visit(upper, ".", "", 0, false));
  return scanner.Take();
}

}  // namespace burrow::image
