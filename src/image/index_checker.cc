// Index::Open: checks every byte once, so that readers need not. There is exactly one right encoding of a tree, and
// nothing else passes: counters run without gaps, and names, targets and attributes lie one after another in the string
// pool.
#include <sys/stat.h>

#include <algorithm>

#include "cas/frames.h"
#include "image/index.h"
#include "image/index_format.h"

namespace burrow::image {

using format::EntryRecord;
using format::FrameRecord;
using format::Header;
using format::InodeRecord;
using format::Load;
using format::XattrRecord;

namespace {
constexpr uint8_t kZero[32] = {};
}  // namespace

class IndexChecker {
 public:
  explicit IndexChecker(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  Result<Index> Check();

 private:
  template <class... Args>
  static std::unexpected<Error> Bad(fmt::format_string<Args...> format, Args&&... args) {
    return Fail(Code::kDataLoss, "the image index is damaged: {}", fmt::format(format, std::forward<Args>(args)...));
  }
  Status CheckSections();
  Status CheckInodes();
  Status CheckInode(InodeNumber number, const InodeRecord& inode);
  Status CheckContent(InodeNumber number, const InodeRecord& inode);
  Status CheckFile(InodeNumber number, const InodeRecord& inode);
  Status CheckDirectories();
  Status CheckDirectory(InodeNumber number, const InodeRecord& inode);
  Status CheckEntry(InodeNumber directory, const EntryRecord& entry, InodeNumber* next_inode);
  Status CheckLinkCounts();
  Status CheckTargets();
  Status CheckXattrs();
  Status CheckXattr(InodeNumber number, const XattrRecord& xattr, std::string_view* previous);
  // Takes the next `length` bytes of the string pool, which must start at `offset`.
  Status TakeString(uint64_t offset, uint64_t length, std::string_view* text);

  std::span<const uint8_t> bytes_;
  Header header_{};
  Index index_;
  uint64_t next_string_ = 0;
  uint32_t next_entry_ = 0, next_frame_ = 0, next_xattr_ = 0, files_ = 0;
  InodeNumber next_inode_ = 1;
  uint64_t file_bytes_ = 0;
  std::vector<uint32_t> names_;   // by inode: entries that name it (directories: sub-directories)
  std::vector<uint16_t> depths_;  // by inode, of directories
};

Result<Index> IndexChecker::Check() {
  BURROW_RETURN_IF_ERROR(CheckSections());
  BURROW_RETURN_IF_ERROR(CheckInodes());
  BURROW_RETURN_IF_ERROR(CheckDirectories());
  BURROW_RETURN_IF_ERROR(CheckLinkCounts());
  BURROW_RETURN_IF_ERROR(CheckTargets());
  BURROW_RETURN_IF_ERROR(CheckXattrs());
  if (next_string_ != header_.string_bytes) return Bad("strings that nothing uses");
  return index_;
}

Status IndexChecker::CheckSections() {
  if (bytes_.size() < sizeof(Header)) return Bad("{} bytes are no index", bytes_.size());
  if (bytes_.size() > kMaxIndexBytes) return Bad("{} bytes are too many", bytes_.size());
  header_ = Load<Header>(bytes_.data(), 0);
  if (std::memcmp(header_.magic, format::kMagic, sizeof header_.magic) != 0)
    return Bad("it does not start as an index");
  if (header_.version != format::kVersion) {
    return Fail(Code::kFailedPrecondition, "the image index has format {}, this version reads {}; update burrowd",
                header_.version, format::kVersion);
  }
  uint64_t inodes = uint64_t{header_.inode_count} * sizeof(InodeRecord);
  uint64_t frames = uint64_t{header_.frame_count} * sizeof(FrameRecord);
  uint64_t xattrs = uint64_t{header_.xattr_count} * sizeof(XattrRecord);
  uint64_t entries = uint64_t{header_.entry_count} * sizeof(EntryRecord);
  uint64_t records = sizeof(Header) + inodes + frames + xattrs + entries;  // each below 2^39
  if (records > bytes_.size() || header_.string_bytes != bytes_.size() - records) return Bad("its length does not fit");
  if (header_.inode_count == 0) return Bad("its header");
  index_.inodes_ = bytes_.data() + sizeof(Header);
  index_.frames_ = index_.inodes_ + inodes;
  index_.xattrs_ = index_.frames_ + frames;
  index_.entries_ = index_.xattrs_ + xattrs;
  index_.strings_ = reinterpret_cast<const char*>(index_.entries_ + entries);
  index_.inode_count_ = header_.inode_count;
  index_.xattr_count_ = header_.xattr_count;
  index_.entry_count_ = header_.entry_count;
  index_.file_count_ = header_.file_count;
  index_.string_bytes_ = header_.string_bytes;
  index_.total_file_bytes_ = header_.total_file_bytes;
  return {};
}

Status IndexChecker::CheckInodes() {
  for (InodeNumber number = 0; number < header_.inode_count; ++number) {
    BURROW_RETURN_IF_ERROR(CheckInode(number, Load<InodeRecord>(index_.inodes_, number)));
  }
  if (next_frame_ != header_.frame_count) return Bad("frames of nothing");
  if (files_ != header_.file_count || file_bytes_ != header_.total_file_bytes) return Bad("its totals");
  return {};
}

Status IndexChecker::CheckInode(InodeNumber number, const InodeRecord& inode) {
  if ((inode.mode & ~uint32_t{S_IFMT | 07777}) != 0) return Bad("the mode of inode {}", number);
  if (number == kRootInode && !S_ISDIR(inode.mode)) return Bad("its root is no directory");
  if (inode.mtime_ns >= 1'000'000'000) return Bad("the time of inode {}", number);
  bool device = S_ISCHR(inode.mode) || S_ISBLK(inode.mode);
  if (!device && !S_ISREG(inode.mode) && inode.special != 0) return Bad("inode {} is no device", number);
  if (S_ISCHR(inode.mode) && inode.special == 0) return Bad("inode {} is a whiteout", number);
  if (inode.first_xattr != next_xattr_ || inode.xattr_count > header_.xattr_count - next_xattr_) {
    return Bad("the attributes of inode {}", number);
  }
  next_xattr_ += inode.xattr_count;
  return CheckContent(number, inode);
}

Status IndexChecker::CheckContent(InodeNumber number, const InodeRecord& inode) {
  if (S_ISREG(inode.mode)) return CheckFile(number, inode);
  if (S_ISDIR(inode.mode)) {
    bool clean = inode.size == 0 && std::memcmp(inode.directory.zero, kZero, sizeof inode.directory.zero) == 0;
    return clean ? Status() : Bad("directory inode {}", number);
  }
  if (S_ISLNK(inode.mode)) {
    bool clean = inode.size >= 1 && inode.size <= format::kMaxTarget &&
                 std::memcmp(inode.link.zero, kZero, sizeof inode.link.zero) == 0;
    return clean ? Status() : Bad("link inode {}", number);
  }
  if (!S_ISCHR(inode.mode) && !S_ISBLK(inode.mode) && !S_ISFIFO(inode.mode)) return Bad("the type of inode {}", number);
  bool clean = inode.size == 0 && std::memcmp(inode.raw, kZero, sizeof kZero) == 0;
  return clean ? Status() : Bad("special inode {}", number);
}

Status IndexChecker::CheckFile(InodeNumber number, const InodeRecord& inode) {
  ++files_;
  if (inode.size > INT64_MAX - file_bytes_) return Bad("the size of inode {}", number);
  file_bytes_ += inode.size;
  bool named = std::memcmp(inode.digest, kZero, sizeof kZero) != 0;
  if (named != (inode.size > 0)) return Bad("the digest of inode {}", number);
  bool framed = inode.size >= cas::kFramedFrom;
  if (inode.special != (framed ? next_frame_ : 0)) return Bad("the frames of inode {}", number);
  if (!framed) return {};
  if (next_frame_ == header_.frame_count) return Bad("inode {} has no frames", number);
  auto frames = Load<FrameRecord>(index_.frames_, next_frame_++);
  return std::memcmp(frames.table, kZero, sizeof kZero) != 0 ? Status() : Bad("the frames of inode {}", number);
}

Status IndexChecker::CheckDirectories() {
  names_.assign(header_.inode_count, 0);
  depths_.assign(header_.inode_count, 0);
  for (InodeNumber number = 0; number < header_.inode_count; ++number) {
    auto inode = Load<InodeRecord>(index_.inodes_, number);
    if (S_ISDIR(inode.mode)) BURROW_RETURN_IF_ERROR(CheckDirectory(number, inode));
  }
  if (next_entry_ != header_.entry_count || next_inode_ != header_.inode_count)
    return Bad("entries or inodes nobody refers to");
  return {};
}

Status IndexChecker::CheckDirectory(InodeNumber number, const InodeRecord& inode) {
  const auto& data = inode.directory;
  // Directories are numbered when their parent lists them: one that nothing has listed yet hangs in the air.
  if (number >= next_inode_) return Bad("directory inode {} comes before its parent", number);
  if (number == kRootInode && data.parent != kRootInode) return Bad("the parent of its root");
  if (data.first_entry != next_entry_ || data.entry_count > header_.entry_count - next_entry_) {
    return Bad("the entries of inode {}", number);
  }
  next_entry_ += data.entry_count;
  std::string_view previous;
  for (uint32_t i = 0; i < data.entry_count; ++i) {
    auto entry = Load<EntryRecord>(index_.entries_, data.first_entry + i);
    std::string_view name;
    BURROW_RETURN_IF_ERROR(TakeString(entry.name_offset, entry.name_length, &name));
    bool usable = !name.empty() && name.size() <= format::kMaxName && name != "." && name != ".." &&
                  name.find('/') == name.npos && name.find('\0') == name.npos;
    if (!usable || (i > 0 && previous >= name)) return Bad("a name in directory inode {}", number);
    previous = name;
    BURROW_RETURN_IF_ERROR(CheckEntry(number, entry, &next_inode_));
  }
  return {};
}

Status IndexChecker::CheckEntry(InodeNumber directory, const EntryRecord& entry, InodeNumber* next_inode) {
  if (entry.inode == kRootInode || entry.inode > *next_inode || entry.inode >= header_.inode_count) {
    return Bad("an entry of inode {} refers to inode {}", directory, entry.inode);
  }
  bool first_name = entry.inode == *next_inode;
  if (first_name) ++*next_inode;
  auto inode = Load<InodeRecord>(index_.inodes_, entry.inode);
  if (entry.type != inode.mode >> 12) return Bad("the type of an entry of inode {}", directory);
  if (!S_ISDIR(inode.mode)) {
    ++names_[entry.inode];
    return {};
  }
  if (!first_name || inode.directory.parent != directory) return Bad("directory inode {} has two parents", entry.inode);
  depths_[entry.inode] = static_cast<uint16_t>(depths_[directory] + 1);
  if (depths_[entry.inode] > kMaxDepth) return Bad("directories are nested more than {} deep", kMaxDepth);
  ++names_[directory];
  return {};
}

Status IndexChecker::CheckLinkCounts() {
  for (InodeNumber number = 0; number < header_.inode_count; ++number) {
    auto inode = Load<InodeRecord>(index_.inodes_, number);
    if (inode.nlink != names_[number] + (S_ISDIR(inode.mode) ? 2 : 0)) return Bad("the link count of inode {}", number);
  }
  return {};
}

Status IndexChecker::CheckTargets() {
  for (InodeNumber number = 0; number < header_.inode_count; ++number) {
    auto inode = Load<InodeRecord>(index_.inodes_, number);
    if (!S_ISLNK(inode.mode)) continue;
    std::string_view target;
    BURROW_RETURN_IF_ERROR(TakeString(inode.link.target_offset, inode.size, &target));
    if (target.find('\0') != target.npos) return Bad("the target of inode {}", number);
  }
  return {};
}

Status IndexChecker::CheckXattrs() {
  if (next_xattr_ != header_.xattr_count) return Bad("attributes of nothing");
  for (InodeNumber number = 0; number < header_.inode_count; ++number) {
    auto inode = Load<InodeRecord>(index_.inodes_, number);
    std::string_view previous;
    for (uint32_t i = 0; i < inode.xattr_count; ++i) {
      BURROW_RETURN_IF_ERROR(CheckXattr(number, Load<XattrRecord>(index_.xattrs_, inode.first_xattr + i), &previous));
    }
  }
  return {};
}

Status IndexChecker::CheckXattr(InodeNumber number, const XattrRecord& xattr, std::string_view* previous) {
  std::string_view name, value;
  BURROW_RETURN_IF_ERROR(TakeString(xattr.name_offset, xattr.name_length, &name));
  BURROW_RETURN_IF_ERROR(TakeString(xattr.value_offset, xattr.value_length, &value));
  bool usable = !name.empty() && name.size() <= format::kMaxXattrName && value.size() <= format::kMaxXattrValue &&
                name.find('\0') == name.npos && !name.starts_with(format::kOverlayPrefix);
  if (!usable || *previous >= name) return Bad("an attribute of inode {}", number);
  *previous = name;
  return {};
}

Status IndexChecker::TakeString(uint64_t offset, uint64_t length, std::string_view* text) {
  if (offset != next_string_ || length > header_.string_bytes - next_string_) return Bad("a string is out of place");
  *text = {index_.strings_ + offset, length};
  next_string_ += length;
  return {};
}

Result<Index> Index::Open(std::span<const uint8_t> bytes) { return IndexChecker(bytes).Check(); }

}  // namespace burrow::image
