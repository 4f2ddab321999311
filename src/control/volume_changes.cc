#include "control/volume_changes.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "cas/frames.h"

namespace burrow::control {
namespace {

using image::TreeInode;
using image::TreeNode;
using image::UpperEntry;
using pb::VolumeChange;

constexpr uint64_t kMaxFileBytes = 1ull << 46;
constexpr size_t kMaxTargetBytes = 4'095;
constexpr size_t kMaxXattrs = 128, kMaxXattrName = 255, kMaxXattrBytes = 64 << 10;
constexpr size_t kMaxPart = 255, kMaxShownPath = 200;

std::unexpected<Error> Bad(const VolumeChange& change, std::string_view what) {
  return Fail(Code::kInvalidArgument, "'{}' cannot be put into a volume: {}", ShowVolumePath(change.path()), what);
}

bool IsPut(const VolumeChange& change) {
  return change.kind() == VolumeChange::PUT || change.kind() == VolumeChange::OPAQUE_DIRECTORY;
}

Status CheckXattrs(const VolumeChange& change) {
  if (change.xattrs().size() > kMaxXattrs) return Bad(change, "it has too many extended attributes");
  for (const auto& [name, value] : change.xattrs()) {
    const bool good = !name.empty() && name.size() <= kMaxXattrName && name.find('\0') == name.npos &&
                      value.size() <= kMaxXattrBytes && !name.starts_with("trusted.");
    if (!good) return Bad(change, "one of its extended attributes is none that files may have");
  }
  return {};
}

Status CheckFile(const VolumeChange& change) {
  if (change.size() > kMaxFileBytes) return Bad(change, "it is too large");
  if (change.size() == 0 && change.digest().empty() && change.frames().empty()) return {};
  if (change.size() == 0 || change.digest().size() != cas::Digest::kSize)
    return Bad(change, "a file that is not empty has a SHA-256, and no other has");
  const bool framed = change.frames().size() == cas::Digest::kSize && change.size() >= cas::kFramedFrom;
  if (change.frames().empty() || framed) return {};
  return Bad(change, "its frame table is none");
}

// Of what is no regular file.
Status CheckContentless(const VolumeChange& change) {
  if (!change.digest().empty() || !change.frames().empty()) return Bad(change, "only files have content");
  if (change.size() != 0 && !S_ISLNK(change.mode()) && !S_ISDIR(change.mode()))
    return Bad(change, "only files have a size");
  return {};
}

Status CheckType(const VolumeChange& change) {
  const uint32_t mode = change.mode();
  const bool device = S_ISCHR(mode) || S_ISBLK(mode);
  if ((mode & ~uint32_t{S_IFMT | 07777}) != 0) return Bad(change, "its mode is none");
  if (change.kind() == VolumeChange::OPAQUE_DIRECTORY && !S_ISDIR(mode))
    return Bad(change, "it is opaque and no directory");
  if (S_ISSOCK(mode)) return Bad(change, "it is a socket");
  if (!device && change.rdev() != 0) return Bad(change, "it is no device");
  if (S_ISCHR(mode) && change.rdev() == 0) return Bad(change, "a character device 0:0 means that something is removed");
  if (S_ISREG(mode)) return CheckFile(change);
  if (S_ISLNK(mode)) {
    const auto& target = change.target();
    if (target.empty() || target.size() > kMaxTargetBytes || target.find('\0') != target.npos)
      return Bad(change, "its target is none that a link may have");
  } else if (!S_ISDIR(mode) && !S_ISFIFO(mode) && !device) {
    return Bad(change, "it is of no type that files have");
  }
  return CheckContentless(change);
}

Status CheckPut(const VolumeChange& change) {
  if (change.path().empty()) {
    if (!S_ISDIR(change.mode())) return Bad(change, "the volume's root is a directory");
  } else {
    BURROW_RETURN_IF_ERROR(CheckVolumePath(change.path()));
  }
  if (change.mtime_ns() >= 1'000'000'000) return Bad(change, "its time is none");
  if (!S_ISLNK(change.mode()) && !change.target().empty()) return Bad(change, "it is no link");
  BURROW_RETURN_IF_ERROR(CheckType(change));
  return CheckXattrs(change);
}

Status CheckChange(const VolumeChange& change) {
  switch (change.kind()) {
    case VolumeChange::PUT:
    case VolumeChange::OPAQUE_DIRECTORY:
      return CheckPut(change);
    case VolumeChange::REMOVE:
      return CheckVolumePath(change.path());
    case VolumeChange::HARD_LINK:
      BURROW_RETURN_IF_ERROR(CheckVolumePath(change.target()));
      return CheckVolumePath(change.path());
    case VolumeChange::COPY:
      if (!change.target().empty()) BURROW_RETURN_IF_ERROR(CheckVolumePath(change.target()));
      return CheckVolumePath(change.path());
    default:
      return Bad(change, "the change is of no kind that this server knows");
  }
}

cas::Digest DigestFrom(const std::string& bytes) {
  std::array<uint8_t, cas::Digest::kSize> raw{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), raw.size()), raw.begin());
  return cas::Digest(raw);
}

std::shared_ptr<TreeInode> InodeOf(const VolumeChange& change) {
  auto inode = std::make_shared<TreeInode>();
  const bool regular = S_ISREG(change.mode());
  *inode = {.mode = change.mode(),
            .uid = change.uid(),
            .gid = change.gid(),
            .rdev = change.rdev(),
            .size = regular ? change.size() : 0,
            .mtime = change.mtime(),
            .mtime_ns = change.mtime_ns(),
            .digest = DigestFrom(change.digest()),
            .frames = DigestFrom(change.frames()),
            .target = change.target()};
  for (const auto& [name, value] : change.xattrs()) inode->xattrs.emplace(name, value);
  return inode;
}

bool IsDirectory(const TreeNode& node) { return S_ISDIR(node.inode->mode); }

std::string_view ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

// The tree while changes are applied to it.
class VolumeEditor {
 public:
  VolumeEditor(image::Tree& tree, Existing existing, size_t most_copied)
      : tree_(tree), existing_(existing), most_copied_(most_copied) {}

  Status Apply(const VolumeChange& change) {
    if (change.kind() == VolumeChange::REMOVE)
      return Layer({.kind = UpperEntry::Kind::kWhiteout, .path = change.path()});
    BURROW_RETURN_IF_ERROR(CheckFree(change));
    BURROW_RETURN_IF_ERROR(MakeParents(change));
    if (change.kind() == VolumeChange::COPY) return Copy(change);
    UpperEntry entry{.path = change.path()};
    if (change.kind() == VolumeChange::HARD_LINK) {
      entry.kind = UpperEntry::Kind::kHardLink;
      entry.target = change.target();
    } else {
      if (change.kind() == VolumeChange::OPAQUE_DIRECTORY) entry.kind = UpperEntry::Kind::kOpaqueDirectory;
      entry.inode = InodeOf(change);
    }
    return Layer(std::move(entry));
  }

 private:
  Status Layer(UpperEntry entry) {
    std::vector<UpperEntry> layer;
    layer.push_back(std::move(entry));
    return image::ApplyLayer(tree_, layer);
  }

  TreeNode* Find(std::string_view path) const {
    TreeNode* node = &tree_.root();
    while (node && !path.empty()) {
      const auto name = path.substr(0, path.find('/'));
      const auto child = node->children.find(std::string(name));
      node = child == node->children.end() ? nullptr : child->second.get();
      path.remove_prefix(std::min(path.size(), name.size() + 1));
    }
    return node;
  }

  static std::unexpected<Error> Taken(std::string_view path) {
    return Fail(Code::kAlreadyExists, "'{}' is in the volume already: remove it first, or overwrite it",
                ShowVolumePath(path));
  }

  // A directory may be put over a directory.
  Status CheckFree(const VolumeChange& change) const {
    if (existing_ == Existing::kReplaced) return {};
    const TreeNode* there = Find(change.path());
    const bool merges = there && IsDirectory(*there) && change.kind() == VolumeChange::PUT && S_ISDIR(change.mode());
    if (!there || merges) return {};
    return Taken(change.path());
  }

  // Those that lack, owned by root, with the time of what needs them.
  Status MakeParents(const VolumeChange& change) {
    const auto parent = ParentOf(change.path());
    if (const TreeNode* there = Find(parent); there && IsDirectory(*there)) return {};
    for (size_t end = 0; end < parent.size(); ++end) {
      end = std::min(parent.find('/', end), parent.size());
      const auto path = parent.substr(0, end);
      const TreeNode* there = Find(path);
      if (there && IsDirectory(*there)) continue;
      if (there && existing_ == Existing::kKept) return Taken(path);
      auto inode = std::make_shared<TreeInode>();
      *inode = {.mode = S_IFDIR | 0755, .mtime = change.mtime(), .mtime_ns = change.mtime_ns()};
      BURROW_RETURN_IF_ERROR(Layer({.path = std::string(path), .inode = std::move(inode)}));
    }
    return {};
  }

  using Inodes = std::map<const TreeInode*, std::shared_ptr<TreeInode>>;
  // Hard links among what is copied stay such among the copies. Null once there is too much of it.
  std::unique_ptr<TreeNode> Clone(const TreeNode& from, Inodes& inodes) {
    if (++copied_ > most_copied_) return nullptr;
    auto node = std::make_unique<TreeNode>();
    auto& inode = inodes[from.inode.get()];
    if (!inode) inode = std::make_shared<TreeInode>(*from.inode);
    node->inode = inode;
    for (const auto& [name, child] : from.children) {
      auto copy = Clone(*child, inodes);
      if (!copy) return nullptr;
      node->children.emplace_hint(node->children.end(), name, std::move(copy));
    }
    return node;
  }

  static void Merge(std::unique_ptr<TreeNode> from, std::unique_ptr<TreeNode>& into) {
    if (!into || !IsDirectory(*into) || !IsDirectory(*from)) {
      into = std::move(from);
      return;
    }
    into->inode = from->inode;
    for (auto& [name, child] : from->children) Merge(std::move(child), into->children[name]);
  }

  Status Copy(const VolumeChange& change) {
    const TreeNode* source = Find(change.target());
    if (!source)
      return Fail(Code::kNotFound, "there is no '{}' in the volume to copy", ShowVolumePath(change.target()));
    Inodes inodes;
    auto copy = Clone(*source, inodes);
    if (!copy)
      return Fail(Code::kResourceExhausted, "more than {} files would be copied at once: copy fewer", most_copied_);
    const auto parent = ParentOf(change.path());
    const auto name = change.path().substr(parent.empty() ? 0 : parent.size() + 1);
    Merge(std::move(copy), Find(parent)->children[name]);
    return {};
  }

  image::Tree& tree_;
  const Existing existing_;
  const size_t most_copied_;
  size_t copied_ = 0;
};

}  // namespace

std::string ShowVolumePath(std::string_view path) {
  std::string shown(path.substr(0, kMaxShownPath));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return shown;
}

Status CheckVolumePath(std::string_view path) {
  bool good = !path.empty() && path.size() <= kMaxVolumePathBytes && path.find('\0') == path.npos;
  for (size_t begin = 0; good && begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    good = !part.empty() && part != "." && part != ".." && part.size() <= kMaxPart;
    begin = end + 1;
  }
  if (good) return {};
  return Fail(Code::kInvalidArgument,
              "'{}' is no path in a volume: it must be relative, without empty, '.' and '..' parts",
              ShowVolumePath(path));
}

Status CheckVolumeChanges(const pb::VolumeChanges& changes) {
  if (changes.changes_size() > kMaxVolumeChanges)
    return Fail(Code::kInvalidArgument, "more than {} changes at once: make fewer", kMaxVolumeChanges);
  for (const auto& change : changes.changes()) BURROW_RETURN_IF_ERROR(CheckChange(change));
  return {};
}

std::vector<NamedBlob> BlobsOf(const pb::VolumeChanges& changes) {
  std::vector<NamedBlob> blobs;
  for (const auto& change : changes.changes()) {
    if (!IsPut(change) || change.digest().empty()) continue;
    blobs.push_back({.digest = DigestFrom(change.digest()), .size = change.size(), .change = &change});
    if (!change.frames().empty()) blobs.push_back({.digest = DigestFrom(change.frames()), .change = &change});
  }
  return blobs;
}

Status ApplyVolumeChanges(image::Tree& tree, const pb::VolumeChanges& changes, Existing existing, size_t most_copied) {
  VolumeEditor editor(tree, existing, most_copied);
  for (const auto& change : changes.changes()) BURROW_RETURN_IF_ERROR(editor.Apply(change));
  return {};
}

}  // namespace burrow::control
