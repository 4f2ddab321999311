// The records of an index as they lie in its bytes (docs/index-format.md). Private to this module.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace burrow::image::format {

static_assert(std::endian::native == std::endian::little, "records are little-endian and read as they lie");

inline constexpr char kMagic[8] = {'B', 'R', 'W', 'I', 'N', 'D', 'E', 'X'};
inline constexpr uint32_t kVersion = 2;
inline constexpr uint32_t kMaxName = 255;
inline constexpr uint32_t kMaxTarget = 4095;
inline constexpr uint32_t kMaxXattrName = 255;
inline constexpr uint32_t kMaxXattrValue = 65536;
inline constexpr char kOverlayPrefix[] = "trusted.overlay.";

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t inode_count, entry_count, xattr_count, file_count;
  uint32_t frame_count;
  uint64_t total_file_bytes;
  uint64_t string_bytes;
};
static_assert(sizeof(Header) == 48);

struct DirectoryData {
  uint32_t first_entry, entry_count, parent;
  uint32_t zero[5];
};
struct LinkData {
  uint32_t target_offset;
  uint32_t zero[7];
};

struct InodeRecord {
  uint32_t mode, uid, gid, nlink;
  uint32_t special;  // a device: its number; a file of cas::kFramedFrom bytes or more: position of its FrameRecord
  uint32_t mtime_ns;
  uint64_t size;
  int64_t mtime;
  uint32_t first_xattr, xattr_count;
  union {
    uint8_t digest[32];
    DirectoryData directory;
    LinkData link;
    uint8_t raw[32];
  };
};
static_assert(sizeof(InodeRecord) == 80);

struct FrameRecord {
  uint8_t table[32];  // digest of the frame table
};
static_assert(sizeof(FrameRecord) == 32);

struct XattrRecord {
  uint32_t name_offset, value_offset, value_length, name_length;
};
static_assert(sizeof(XattrRecord) == 16);

struct EntryRecord {
  uint32_t name_offset, inode;
  uint16_t name_length, type;  // type: mode >> 12
};
static_assert(sizeof(EntryRecord) == 12);

// The position'th record of an array that need not be aligned.
template <class Record>
Record Load(const uint8_t* base, size_t position) {
  Record record;
  std::memcpy(&record, base + position * sizeof(Record), sizeof record);
  return record;
}

}  // namespace burrow::image::format
