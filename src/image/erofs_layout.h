// What lies where in an EROFS image: inodes one behind the other, whole blocks of data behind them all. Private to this
// module. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "image/erofs_format.h"
#include "image/index.h"

namespace burrow::image::erofs {

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

struct PlacedInodes {
  std::vector<Place> places;  // by inode number
  uint64_t size = 0;          // of the image
};
// kInvalidArgument, naming the inode, for what EROFS cannot hold.
Result<PlacedInodes> PlaceInodes(const Index& index);

// Whether it is a hole whose content overlay finds elsewhere.
bool HasContent(const Inode& inode);

// A directory's entries as EROFS has them: sorted, with "." and "..".
using Entries = std::vector<DirectoryEntry>;
void ListDirectory(const Index& index, InodeNumber directory, Entries& entries);

// The entries from `begin` that fit into one block, and the bytes that they take.
struct PackedEntries {
  size_t end;
  uint64_t bytes;
};
PackedEntries PackBlock(const Entries& entries, size_t begin);

}  // namespace burrow::image::erofs
