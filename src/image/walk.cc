#include "image/walk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <map>

#include "image/index_format.h"
#include "os/directory_stream.h"
#include "os/fs.h"

namespace burrow::image {
namespace {

constexpr char kRedirect[] = "trusted.overlay.redirect";
constexpr char kMetacopy[] = "trusted.overlay.metacopy";

// Attributes are read by a path through the held directory: no descriptor of the file itself is needed, and a link is
// not followed.
using Xattrs = std::map<std::string, std::string>;

Result<std::string> ReadXattr(const std::string& path, const char* name) {
  std::string value(format::kMaxXattrValue, '\0');
  ssize_t n = ::lgetxattr(path.c_str(), name, value.data(), value.size());
  if (n < 0) return FailErrno(fmt::format("read its attribute {}", name));
  value.resize(static_cast<size_t>(n));
  return value;
}

Result<Xattrs> ReadXattrs(int directory, const std::string& name) {
  std::string path = fmt::format("/proc/self/fd/{}/{}", directory, name);
  Xattrs xattrs;
  char none;
  ssize_t size = ::llistxattr(path.c_str(), &none, 0);
  if (size == 0 || (size < 0 && (errno == ENOTSUP || errno == EOPNOTSUPP))) return xattrs;
  std::string list(format::kMaxXattrValue, '\0');
  size = ::llistxattr(path.c_str(), list.data(), list.size());
  if (size < 0) return FailErrno("list its attributes");
  for (const char* key = list.data(); key < list.data() + size; key += std::char_traits<char>::length(key) + 1) {
    BURROW_ASSIGN_OR_RETURN(xattrs[key], ReadXattr(path, key));
  }
  return xattrs;
}

// Makes what overlay noted in its attributes part of the entry, and takes those attributes away.
Status InterpretOverlay(UpperEntry& entry, Xattrs& xattrs) {
  if (xattrs.contains(kRedirect) || xattrs.contains(kMetacopy)) {
    return Fail(Code::kFailedPrecondition,
                "it depends on lower layers (overlay was mounted with redirect_dir or metacopy)");
  }
  auto opaque = xattrs.find(kOpaqueAttribute);
  if (opaque != xattrs.end() && opaque->second == "y" && S_ISDIR(entry.inode->mode)) {
    entry.kind = UpperEntry::Kind::kOpaqueDirectory;
  }
  std::erase_if(xattrs, [](const auto& xattr) { return xattr.first.starts_with(format::kOverlayPrefix); });
  return {};
}

Result<std::shared_ptr<TreeInode>> ReadInode(int parent, const std::string& name, const struct stat& st) {
  if (major(st.st_rdev) > 0xfff || minor(st.st_rdev) > 0xfffff)
    return Fail(Code::kInvalidArgument, "its device number is too large");
  auto inode = std::make_shared<TreeInode>();
  inode->mode = st.st_mode;
  inode->uid = st.st_uid;
  inode->gid = st.st_gid;
  if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) inode->rdev = static_cast<uint32_t>(st.st_rdev);
  if (S_ISREG(st.st_mode)) inode->size = static_cast<uint64_t>(st.st_size);
  inode->mtime = st.st_mtim.tv_sec;
  inode->mtime_ns = static_cast<uint32_t>(st.st_mtim.tv_nsec);
  if (S_ISLNK(st.st_mode)) {
    inode->target.resize(format::kMaxTarget + 1);
    ssize_t n = ::readlinkat(parent, name.c_str(), inode->target.data(), inode->target.size());
    if (n < 0) return FailErrno("read the link");
    inode->target.resize(static_cast<size_t>(n));
    inode->size = inode->target.size();
  }
  return inode;
}

class Walker {
 public:
  explicit Walker(dev_t device) : device_(device) {}
  // Adds an entry; for a directory also all below it.
  Status Visit(int parent, const std::string& name, const std::string& path, uint32_t depth);
  Walked Take() { return std::move(walked_); }
  // What was visited last: where it went wrong, after a failure.
  const std::string& place() const { return place_; }

 private:
  Status VisitChildren(int parent, const std::string& name, const std::string& path, uint32_t depth);
  // An inode that was met under another name.
  std::shared_ptr<TreeInode> KnownInode(const struct stat& st) const;

  dev_t device_;
  Walked walked_;
  std::string place_;
  std::map<std::pair<dev_t, ino_t>, std::shared_ptr<TreeInode>> linked_;
};

std::shared_ptr<TreeInode> Walker::KnownInode(const struct stat& st) const {
  auto it = linked_.find({st.st_dev, st.st_ino});
  return it == linked_.end() ? nullptr : it->second;
}

Status Walker::Visit(int parent, const std::string& name, const std::string& path, uint32_t depth) {
  place_ = path;
  struct stat st;
  if (::fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return FailErrno("stat it");
  if (S_ISSOCK(st.st_mode)) return {};
  if (IsWhiteout(st)) {
    walked_.entries.push_back({.kind = UpperEntry::Kind::kWhiteout, .path = path});
    return {};
  }
  bool linked = !S_ISDIR(st.st_mode) && st.st_nlink > 1;
  if (auto known = linked ? KnownInode(st) : nullptr) {
    walked_.entries.push_back({.path = path, .inode = std::move(known)});
    return {};
  }
  BURROW_ASSIGN_OR_RETURN(UpperEntry entry, ReadEntry(parent, name, path, st));
  if (linked) linked_[{st.st_dev, st.st_ino}] = entry.inode;
  if (S_ISREG(st.st_mode)) walked_.files.push_back({path, entry.inode});
  walked_.entries.push_back(std::move(entry));
  if (!S_ISDIR(st.st_mode) || st.st_dev != device_) return {};
  return VisitChildren(parent, name, path, depth);
}

Status Walker::VisitChildren(int parent, const std::string& name, const std::string& path, uint32_t depth) {
  if (depth > kMaxDepth) return Fail(Code::kInvalidArgument, "directories are nested more than {} deep", kMaxDepth);
  os::DirectoryStream dir = os::OpenDirectoryStream(parent, name.c_str());
  if (!dir) return FailErrno("open it");
  const int directory = ::dirfd(dir.get());
  BURROW_ASSIGN_OR_RETURN(auto names, NamesIn(dir.get()));
  for (const std::string& child : names) {
    std::string child_path = path;
    if (!path.empty()) child_path += '/';
    child_path += child;
    BURROW_RETURN_IF_ERROR(Visit(directory, child, child_path, depth + 1));
  }
  return {};
}

}  // namespace

bool IsWhiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

Result<std::vector<std::string>> NamesIn(DIR* directory) {
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    dirent* entry = ::readdir(directory);
    if (!entry && errno != 0) return FailErrno("list it");
    if (!entry) break;
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<UpperEntry> ReadEntry(int parent, const std::string& name, const std::string& path, const struct stat& st) {
  UpperEntry entry{.path = path};
  BURROW_ASSIGN_OR_RETURN(entry.inode, ReadInode(parent, name, st));
  BURROW_ASSIGN_OR_RETURN(entry.inode->xattrs, ReadXattrs(parent, name));
  BURROW_RETURN_IF_ERROR(InterpretOverlay(entry, entry.inode->xattrs));
  return entry;
}

Result<Walked> Walk(int root) {
  struct stat st;
  if (::fstat(root, &st) != 0) return FailErrno("stat the directory");
  Walker walker(st.st_dev);
  if (Status status = walker.Visit(root, ".", "", 0); !status) {
    return Forward(std::move(status.error()).WithContext("/" + walker.place()));
  }
  return walker.Take();
}

Result<UniqueFd> OpenWalked(int root, const std::string& path) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, os::OpenBeneath(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return FailErrno("stat /" + path);
  if (!S_ISREG(st.st_mode)) return Fail(Code::kAborted, "/{} changed while it was read; try again", path);
  return fd;
}

}  // namespace burrow::image
