#include "image/erofs_writer.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "image/erofs_format.h"
#include "image/erofs_xattrs.h"

namespace burrow::image {
namespace {

using namespace erofs;

// What lies behind an inode is at most half a block, so that a place for it is always near.
constexpr uint64_t kMaxTail = kBlock / 2;

constexpr uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

// As getdents tells it: regular file, directory, character and block device, fifo, link.
uint8_t FileType(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 1;
    case S_IFDIR:
      return 2;
    case S_IFCHR:
      return 3;
    case S_IFBLK:
      return 4;
    case S_IFIFO:
      return 5;
    default:
      return 7;
  }
}

// A directory's entries as EROFS has them: sorted, with "." and "..".
using Entries = std::vector<DirectoryEntry>;

void ListDirectory(const Index& index, InodeNumber directory, Entries& entries) {
  std::array<DirectoryEntry, 2> dots = {{{".", directory, S_IFDIR}, {"..", index.parent(directory), S_IFDIR}}};
  entries.clear();
  auto dot = dots.begin();
  for (uint32_t i = 0; i < index.entry_count(directory); ++i) {
    DirectoryEntry entry = index.entry(directory, i);
    while (dot != dots.end() && dot->name < entry.name) entries.push_back(*dot++);
    entries.push_back(entry);
  }
  entries.insert(entries.end(), dot, dots.end());
}

// The entries from `begin` that fit into one block, and the bytes that they take.
struct Packed {
  size_t end;
  uint64_t bytes;
};
Packed PackBlock(const Entries& entries, size_t begin) {
  Packed packed{begin, 0};
  for (; packed.end < entries.size(); ++packed.end) {
    uint64_t more = sizeof(Dirent) + entries[packed.end].name.size();
    if (packed.bytes + more > kBlock) break;
    packed.bytes += more;
  }
  return packed;
}

uint64_t DirectorySize(const Entries& entries) {
  uint64_t size = 0;
  for (size_t at = 0; at < entries.size();) {
    Packed packed = PackBlock(entries, at);
    size = RoundUp(size, kBlock) + packed.bytes;
    at = packed.end;
  }
  return size;
}

class Writer {
 public:
  explicit Writer(const Index& index) : index_(index), places_(index.inode_count()) {}

  Result<std::string> Write() {
    for (InodeNumber number = 0; number < index_.inode_count(); ++number) {
      Status measured = Measure(number);
      if (!measured) return Forward(std::move(measured.error()).WithContext(fmt::format("inode {}", number)));
    }
    PlaceBlocks();
    bytes_.resize(end_);
    for (InodeNumber number = 0; number < index_.inode_count(); ++number) WriteInode(number);
    WriteSuperBlock();
    return std::move(bytes_);
  }

 private:
  // Where an inode and its data go.
  struct Place {
    uint64_t offset = 0;       // of the inode
    uint64_t size = 0;         // of the data
    uint64_t data = 0;         // of its first block, where it has whole blocks
    uint32_t xattr_bytes = 0;  // header included
    uint16_t tail = 0;         // bytes of data or chunk addresses behind the inode
    Layout layout = kPlain;
    uint64_t Nid() const { return offset / kSlot; }
    uint64_t TailOffset() const { return offset + sizeof(ExtendedInode) + xattr_bytes; }
    // Bytes that take whole blocks.
    uint64_t BlockBytes() const { return layout == kChunks ? 0 : size - (layout == kInline ? tail : 0); }
  };

  Status Measure(InodeNumber number) {
    Place& place = places_[number];
    Inode inode = index_.inode(number);
    BURROW_ASSIGN_OR_RETURN(place.xattr_bytes, XattrBytes(index_.xattrs(number), HasContent(inode)));
    if (S_ISDIR(inode.mode)) {
      ListDirectory(index_, number, entries_);
      place.size = DirectorySize(entries_);
    } else if (S_ISREG(inode.mode) || S_ISLNK(inode.mode)) {
      place.size = inode.size;
    }
    if (HasContent(inode)) {
      if (inode.size > kMaxFileBytes)
        return Fail(Code::kInvalidArgument, "a file of {} bytes is too large", inode.size);
      place.layout = kChunks;
      place.tail = sizeof kNoBlock;
    } else if (uint64_t tail = place.size % kBlock; tail != 0 && tail <= kMaxTail) {
      place.layout = kInline;
      place.tail = static_cast<uint16_t>(tail);
    }
    PlaceInode(place);
    return {};
  }
  static bool HasContent(const Inode& inode) { return S_ISREG(inode.mode) && inode.size > 0; }

  // The next place where neither the inode nor its tail crosses the end of a block.
  void PlaceInode(Place& place) {
    auto crosses = [](uint64_t offset, uint64_t size) {
      return size > 0 && offset / kBlock != (offset + size - 1) / kBlock;
    };
    place.offset = RoundUp(end_, kSlot);
    for (;;) {
      if (crosses(place.offset, sizeof(ExtendedInode))) {
        place.offset = RoundUp(place.offset, kBlock);
      } else if (crosses(place.TailOffset(), place.tail)) {
        place.offset += RoundUp(kBlock - place.TailOffset() % kBlock, kSlot);
      } else {
        break;
      }
    }
    end_ = place.TailOffset() + place.tail;
  }

  // Whole blocks come behind all inodes.
  void PlaceBlocks() {
    end_ = RoundUp(end_ + kXattrHeader, kBlock);  // fsck.erofs reads one behind every inode, also where there is none
    for (Place& place : places_) {
      place.data = end_;
      end_ += RoundUp(place.BlockBytes(), kBlock);
    }
  }

  template <class Record>
  void Put(uint64_t offset, const Record& record) {
    std::memcpy(bytes_.data() + offset, &record, sizeof record);
  }
  void PutText(uint64_t offset, std::string_view text) { text.copy(bytes_.data() + offset, text.size()); }

  void WriteInode(InodeNumber number) {
    const Place& place = places_[number];
    Inode inode = index_.inode(number);
    Put(place.offset, ExtendedInode{.format = ExtendedFormat(place.layout),
                                    .xattr_units = XattrUnits(place.xattr_bytes),
                                    .mode = static_cast<uint16_t>(inode.mode),
                                    .size = place.size,
                                    .data = DataWord(inode, place),
                                    .number = number + 1,
                                    .uid = inode.uid,
                                    .gid = inode.gid,
                                    .mtime = inode.mtime,
                                    .mtime_ns = inode.mtime_ns,
                                    .nlink = inode.nlink});
    if (place.xattr_bytes > 0) {
      std::string content = HasContent(inode) ? ContentPath(inode.digest) : std::string();
      WriteXattrs(index_.xattrs(number), content, bytes_.data() + place.offset + sizeof(ExtendedInode));
    }
    if (S_ISDIR(inode.mode)) WriteDirectory(number, place);
    if (S_ISLNK(inode.mode)) PutText(place.layout == kInline ? place.TailOffset() : place.data, inode.target);
    if (place.layout == kChunks) Put(place.TailOffset(), kNoBlock);
  }

  static uint32_t DataWord(const Inode& inode, const Place& place) {
    if (place.layout == kChunks) return kLargestChunks;
    if (S_ISCHR(inode.mode) || S_ISBLK(inode.mode)) return inode.rdev;
    return place.BlockBytes() > 0 ? static_cast<uint32_t>(place.data / kBlock) : kNoBlock;
  }

  void WriteDirectory(InodeNumber number, const Place& place) {
    ListDirectory(index_, number, entries_);
    uint64_t written = 0;
    for (size_t at = 0; at < entries_.size();) {
      Packed packed = PackBlock(entries_, at);
      bool behind_inode = written >= place.BlockBytes();
      WriteDirectoryBlock(at, packed.end, behind_inode ? place.TailOffset() : place.data + written);
      written += kBlock;
      at = packed.end;
    }
  }

  void WriteDirectoryBlock(size_t begin, size_t end, uint64_t offset) {
    uint64_t name_offset = (end - begin) * sizeof(Dirent);
    for (size_t i = begin; i < end; ++i) {
      const DirectoryEntry& entry = entries_[i];
      Put(offset + (i - begin) * sizeof(Dirent), Dirent{.nid = places_[entry.inode].Nid(),
                                                        .name_offset = static_cast<uint16_t>(name_offset),
                                                        .type = FileType(entry.type)});
      PutText(offset + name_offset, entry.name);
      name_offset += entry.name.size();
    }
  }

  void WriteSuperBlock() {
    Put(kSuperOffset, SuperBlock{.magic = kMagic,
                                 .feature_compat = kCompatMtime,
                                 .block_bits = 12,
                                 .root_nid = static_cast<uint16_t>(places_[kRootInode].Nid()),
                                 .inodes = index_.inode_count(),
                                 .blocks = static_cast<uint32_t>(end_ / kBlock),
                                 .feature_incompat = kIncompatChunks});
  }

  const Index& index_;
  std::vector<Place> places_;
  Entries entries_;        // of the directory at hand
  uint64_t end_ = kBlock;  // of what has a place; the super block has the first one
  std::string bytes_;
};

}  // namespace

std::string ContentPath(const cas::Digest& digest) {
  std::string path = "//" + digest.Hex();  // "//abcdef" becomes "/ab/cdef"
  std::copy(path.begin() + 2, path.begin() + 4, path.begin() + 1);
  path[3] = '/';
  return path;
}

Result<std::string> WriteErofs(const Index& index) { return Writer(index).Write(); }

}  // namespace burrow::image
