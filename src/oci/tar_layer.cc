#include "oci/tar_layer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <unordered_set>

#include "cas/frames.h"
#include "oci/entry_path.h"
#include "oci/tar_stream.h"
#include "os/fs.h"

namespace burrow::oci {
namespace {

using image::TreeInode;
using image::UpperEntry;

constexpr uint64_t kInMemory = 4u << 20;  // larger content goes through a file
constexpr std::string_view kOverlayPrefix = "trusted.overlay.";
constexpr std::string_view kSelinux = "security.selinux";  // the label of whoever made the archive

// One file's content: hashed, and kept until its digest is known.
class Content {
 public:
  Content(uint64_t size, const std::string& scratch_directory) : size_(size), scratch_directory_(scratch_directory) {
    if (size_ >= cas::kFramedFrom) frames_.emplace();
  }
  Status Open();
  Status Append(std::string_view bytes);
  // Hands everything to the feed and fills in the inode.
  Status Finish(BlobFeed& feed, TreeInode& inode);

 private:
  uint64_t size_;
  const std::string& scratch_directory_;
  cas::Hasher hasher_;
  std::optional<cas::FrameHasher> frames_;
  std::string memory_;
  UniqueFd file_;
};

Status Content::Open() {
  if (size_ <= kInMemory) {
    memory_.reserve(size_);
    return {};
  }
  BURROW_ASSIGN_OR_RETURN(file_, os::Open(scratch_directory_, O_TMPFILE | O_RDWR, 0600));
  return {};
}

Status Content::Append(std::string_view bytes) {
  hasher_.Update(bytes);
  if (frames_) frames_->Update(bytes);
  if (file_.valid()) return os::WriteAll(file_.get(), bytes);
  memory_ += bytes;
  return {};
}

Status Content::Finish(BlobFeed& feed, TreeInode& inode) {
  inode.digest = hasher_.Finish();
  if (frames_) {
    std::string table = frames_->Finish();
    inode.frames = cas::Digest::Of(table);
    BURROW_RETURN_IF_ERROR(feed.Add(inode.frames, std::move(table)));
  }
  if (file_.valid()) return feed.AddFile(inode.digest, size_, file_.get());
  return feed.Add(inode.digest, std::move(memory_));
}

class LayerReader {
 public:
  LayerReader(ByteSource& tar, BlobFeed& feed, const TarLayerOptions& options)
      : options_(options), feed_(feed), tar_(tar) {}
  Result<Layer> Read();

 private:
  Status ReadMember();
  Status AddMember(std::string path);
  Result<std::shared_ptr<TreeInode>> ReadInode();
  Status ReadType(TreeInode& inode);
  Status ReadDevice(TreeInode& inode);
  Status ReadXattrs(TreeInode& inode);
  Status ReadContent(TreeInode& inode);
  void AddParents(const std::string& path);
  Status Account(uint64_t bytes);

  const TarLayerOptions& options_;
  BlobFeed& feed_;
  TarStream tar_;
  os::DiskRoom room_{options_.scratch_directory, options_.keep_free};
  Layer layer_;
  std::vector<UpperEntry> puts_;
  std::unordered_set<std::string> directories_;  // that are there once the entries so far are applied
  uint64_t metadata_ = 0;
};

Result<Layer> LayerReader::Read() {
  BURROW_RETURN_IF_ERROR(tar_.Open());
  for (;;) {
    BURROW_ASSIGN_OR_RETURN(bool more, tar_.Next());
    if (!more) break;
    if (Status read = ReadMember(); !read) {
      const char* name = archive_entry_pathname(tar_.entry());
      return Forward(std::move(read.error()).WithContext(fmt::format("the tar's '{}'", name ? name : "")));
    }
  }
  // Entries of the layer itself are not what its whiteouts mean, wherever these stand.
  layer_.entries.insert(layer_.entries.end(), std::make_move_iterator(puts_.begin()),
                        std::make_move_iterator(puts_.end()));
  return std::move(layer_);
}

Status LayerReader::Account(uint64_t bytes) {
  metadata_ += bytes;
  bool fits = metadata_ <= options_.max_metadata && puts_.size() + layer_.entries.size() < options_.max_entries;
  return fits ? Status() : Fail(Code::kOutOfRange, "the layer has more names than an image may have");
}

Status LayerReader::ReadMember() {
  const char* raw = archive_entry_pathname(tar_.entry());
  if (!raw) return Fail(Code::kInvalidArgument, "it has no name");
  EntryName name;
  if (options_.whiteouts) {
    BURROW_ASSIGN_OR_RETURN(name, ParseEntryName(raw));
  } else {
    BURROW_ASSIGN_OR_RETURN(name.path, EntryPath(raw));
  }
  BURROW_RETURN_IF_ERROR(Account(name.path.size()));
  switch (name.kind) {
    case EntryName::Kind::kIgnored:
      return {};
    case EntryName::Kind::kWhiteout:
      layer_.entries.push_back({.kind = UpperEntry::Kind::kWhiteout, .path = std::move(name.path)});
      return {};
    case EntryName::Kind::kOpaque:
      layer_.entries.push_back({.kind = UpperEntry::Kind::kEmpty, .path = std::move(name.path)});
      return {};
    case EntryName::Kind::kPlain:
      break;
  }
  return AddMember(std::move(name.path));
}

Status LayerReader::AddMember(std::string path) {
  AddParents(path);
  if (const char* link = archive_entry_hardlink(tar_.entry())) {
    BURROW_ASSIGN_OR_RETURN(std::string target, EntryPath(link));
    BURROW_RETURN_IF_ERROR(Account(target.size()));
    if (target == path) return {};
    directories_.erase(path);
    puts_.push_back({.kind = UpperEntry::Kind::kHardLink, .path = std::move(path), .target = std::move(target)});
    return {};
  }
  BURROW_ASSIGN_OR_RETURN(auto inode, ReadInode());
  if (S_ISDIR(inode->mode)) {
    directories_.insert(path);
  } else if (path.empty()) {
    return Fail(Code::kInvalidArgument, "the root is no directory");
  } else {
    directories_.erase(path);
  }
  puts_.push_back({.path = std::move(path), .inode = std::move(inode)});
  return {};
}

// Tars need not list the directories that their members are in.
void LayerReader::AddParents(const std::string& path) {
  size_t last = path.rfind('/');
  if (last == std::string::npos || directories_.contains(path.substr(0, last))) return;
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    std::string parent = path.substr(0, slash);
    if (!directories_.insert(parent).second) continue;
    puts_.push_back({.kind = UpperEntry::Kind::kDirectory, .path = std::move(parent)});
  }
}

Result<std::shared_ptr<TreeInode>> LayerReader::ReadInode() {
  archive_entry* entry = tar_.entry();
  auto inode = std::make_shared<TreeInode>();
  BURROW_RETURN_IF_ERROR(ReadType(*inode));
  // Linux knows links of one mode only, whatever the archive says.
  inode->mode |= S_ISLNK(inode->mode) ? 0777 : static_cast<uint32_t>(archive_entry_perm(entry)) & 07777;
  la_int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
  if (uid < 0 || gid < 0 || uid > UINT32_MAX || gid > UINT32_MAX) {
    return Fail(Code::kInvalidArgument, "its owner {}:{} is no user of Linux", uid, gid);
  }
  inode->uid = static_cast<uint32_t>(uid);
  inode->gid = static_cast<uint32_t>(gid);
  inode->mtime = archive_entry_mtime(entry);
  long nanoseconds = archive_entry_mtime_nsec(entry);
  if (inode->mtime < 0 && nanoseconds > 0) {  // "-3.2" is 3.2 s before, not 3 s before and 0.2 s after
    --inode->mtime;
    nanoseconds = 1'000'000'000 - nanoseconds;
  }
  inode->mtime_ns = static_cast<uint32_t>(nanoseconds);
  BURROW_RETURN_IF_ERROR(ReadXattrs(*inode));
  if (S_ISREG(inode->mode)) BURROW_RETURN_IF_ERROR(ReadContent(*inode));
  return inode;
}

Status LayerReader::ReadType(TreeInode& inode) {
  archive_entry* entry = tar_.entry();
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      inode.mode = S_IFREG;
      return {};
    case AE_IFDIR:
      inode.mode = S_IFDIR;
      return {};
    case AE_IFIFO:
      inode.mode = S_IFIFO;
      return {};
    case AE_IFCHR:
      inode.mode = S_IFCHR;
      return ReadDevice(inode);
    case AE_IFBLK:
      inode.mode = S_IFBLK;
      return ReadDevice(inode);
    case AE_IFLNK: {
      const char* target = archive_entry_symlink(entry);
      inode.mode = S_IFLNK;
      inode.target = target ? target : "";
      inode.size = inode.target.size();
      return inode.target.empty() ? Fail(Code::kInvalidArgument, "it is a link to nothing")
                                  : Account(inode.target.size());
    }
    default:
      return Fail(Code::kInvalidArgument, "it is a socket or something else that an image cannot hold");
  }
}

Status LayerReader::ReadDevice(TreeInode& inode) {
  auto major = static_cast<uint64_t>(archive_entry_rdevmajor(tar_.entry()));
  auto minor = static_cast<uint64_t>(archive_entry_rdevminor(tar_.entry()));
  if (major > 0xfff || minor > 0xfffff) return Fail(Code::kInvalidArgument, "its device number is too large");
  if (major == 0 && minor == 0 && S_ISCHR(inode.mode)) {
    return Fail(Code::kInvalidArgument, "it is a character device 0:0, which means 'deleted' in an image");
  }
  inode.rdev = static_cast<uint32_t>((minor & 0xff) | major << 8 | (minor & ~uint64_t{0xff}) << 12);
  return {};
}

Status LayerReader::ReadXattrs(TreeInode& inode) {
  archive_entry* entry = tar_.entry();
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (archive_entry_xattr_reset(entry); archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK;) {
    if (std::string_view key = name; key.starts_with(kOverlayPrefix) || key == kSelinux) continue;
    inode.xattrs[name] = std::string(static_cast<const char*>(value), size);
    BURROW_RETURN_IF_ERROR(Account(size));
  }
  return {};
}

Status LayerReader::ReadContent(TreeInode& inode) {
  inode.size = tar_.size();
  ++layer_.files;
  if (inode.size > options_.max_bytes - layer_.bytes) {
    return Fail(Code::kOutOfRange, "the layer's files are larger than an import may be");
  }
  layer_.bytes += inode.size;
  if (inode.size == 0) return {};
  Content content(inode.size, options_.scratch_directory);
  BURROW_RETURN_IF_ERROR(content.Open());
  BURROW_RETURN_IF_ERROR(tar_.ReadContent([&](std::string_view bytes) -> Status {
    BURROW_RETURN_IF_ERROR(room_.Take(bytes.size()));
    return content.Append(bytes);
  }));
  // What is large lies in a file by now, and is written a second time.
  BURROW_RETURN_IF_ERROR(room_.TakeWhole(inode.size));
  return content.Finish(feed_, inode);
}

}  // namespace

Result<Layer> ReadTarLayer(ByteSource& tar, BlobFeed& feed, const TarLayerOptions& options) {
  return LayerReader(tar, feed, options).Read();
}

}  // namespace burrow::oci
