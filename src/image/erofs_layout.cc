#include "image/erofs_layout.h"

#include <sys/stat.h>

#include <array>
#include <utility>

#include "image/erofs_xattrs.h"

namespace burrow::image::erofs {
namespace {

// What lies behind an inode is at most half a block, so that a place for it is always near.
constexpr uint64_t kMaxTail = kBlock / 2;

constexpr uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

uint64_t DirectorySize(const Entries& entries) {
  uint64_t size = 0;
  for (size_t at = 0; at < entries.size();) {
    PackedEntries packed = PackBlock(entries, at);
    size = RoundUp(size, kBlock) + packed.bytes;
    at = packed.end;
  }
  return size;
}

class Placer {
 public:
  explicit Placer(const Index& index) : index_(index), places_(index.inode_count()) {}

  Result<PlacedInodes> Run() {
    for (InodeNumber number = 0; number < index_.inode_count(); ++number) {
      Status measured = Measure(number);
      if (!measured) return Forward(std::move(measured.error()).WithContext(fmt::format("inode {}", number)));
    }
    PlaceBlocks();
    return PlacedInodes{.places = std::move(places_), .size = end_};
  }

 private:
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

  const Index& index_;
  std::vector<Place> places_;
  Entries entries_;        // of the directory at hand
  uint64_t end_ = kBlock;  // of what has a place; the super block has the first one
};

}  // namespace

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

PackedEntries PackBlock(const Entries& entries, size_t begin) {
  PackedEntries packed{begin, 0};
  for (; packed.end < entries.size(); ++packed.end) {
    uint64_t more = sizeof(Dirent) + entries[packed.end].name.size();
    if (packed.bytes + more > kBlock) break;
    packed.bytes += more;
  }
  return packed;
}

bool HasContent(const Inode& inode) { return S_ISREG(inode.mode) && inode.size > 0; }

Result<PlacedInodes> PlaceInodes(const Index& index) { return Placer(index).Run(); }

}  // namespace burrow::image::erofs
