#include "image/index.h"

#include <sys/stat.h>

#include "cas/frames.h"
#include "image/index_format.h"

namespace burrow::image {

using format::EntryRecord;
using format::FrameRecord;
using format::InodeRecord;
using format::Load;
using format::XattrRecord;

uint32_t Index::inode_count() const { return inode_count_; }
uint64_t Index::total_file_bytes() const { return total_file_bytes_; }
uint32_t Index::file_count() const { return file_count_; }
bool Index::has_xattrs() const { return xattr_count_ > 0; }

Inode Index::inode(InodeNumber number) const {
  auto record = Load<InodeRecord>(inodes_, number);
  Inode inode{.mode = record.mode,
              .uid = record.uid,
              .gid = record.gid,
              .nlink = record.nlink,
              .size = record.size,
              .mtime = record.mtime,
              .mtime_ns = record.mtime_ns};
  if (S_ISCHR(record.mode) || S_ISBLK(record.mode)) inode.rdev = record.special;
  if (S_ISREG(record.mode)) {
    inode.digest = cas::Digest(std::to_array(record.digest));
    if (record.size >= cas::kFramedFrom) {
      inode.frames = cas::Digest(std::to_array(Load<FrameRecord>(frames_, record.special).table));
    }
  }
  if (S_ISLNK(record.mode)) inode.target = {strings_ + record.link.target_offset, record.size};
  return inode;
}

InodeNumber Index::parent(InodeNumber directory) const {
  return Load<InodeRecord>(inodes_, directory).directory.parent;
}

uint32_t Index::entry_count(InodeNumber directory) const {
  return Load<InodeRecord>(inodes_, directory).directory.entry_count;
}

DirectoryEntry Index::entry(InodeNumber directory, uint32_t position) const {
  uint32_t first = Load<InodeRecord>(inodes_, directory).directory.first_entry;
  auto record = Load<EntryRecord>(entries_, size_t{first} + position);
  return {{strings_ + record.name_offset, record.name_length}, record.inode, static_cast<uint32_t>(record.type) << 12};
}

std::optional<InodeNumber> Index::Lookup(InodeNumber directory, std::string_view name) const {
  auto data = Load<InodeRecord>(inodes_, directory).directory;
  size_t low = data.first_entry, high = low + data.entry_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    auto record = Load<EntryRecord>(entries_, middle);
    int order = name.compare({strings_ + record.name_offset, record.name_length});
    if (order == 0) return record.inode;
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return std::nullopt;
}

std::vector<ExtendedAttribute> Index::xattrs(InodeNumber number) const {
  auto inode = Load<InodeRecord>(inodes_, number);
  std::vector<ExtendedAttribute> attributes;
  attributes.reserve(inode.xattr_count);
  for (size_t i = 0; i < inode.xattr_count; ++i) {
    auto record = Load<XattrRecord>(xattrs_, inode.first_xattr + i);
    attributes.push_back(
        {{strings_ + record.name_offset, record.name_length}, {strings_ + record.value_offset, record.value_length}});
  }
  return attributes;
}

}  // namespace burrow::image
