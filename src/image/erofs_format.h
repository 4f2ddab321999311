// The records of an EROFS image as the kernel reads them (Linux: fs/erofs/erofs_fs.h), as far as erofs_writer uses
// them. Private to this module.
#pragma once

#include <bit>
#include <cstdint>

namespace burrow::image::erofs {

static_assert(std::endian::native == std::endian::little, "records are little-endian and written as they lie");

inline constexpr uint64_t kBlock = 4096;
inline constexpr uint64_t kSuperOffset = 1024;
inline constexpr uint32_t kMagic = 0xE0F5E1E2;
inline constexpr uint32_t kCompatMtime = 2;     // inodes tell modification times
inline constexpr uint32_t kIncompatChunks = 4;  // there are chunk-based files
inline constexpr uint64_t kSlot = 32;           // inodes are numbered by their offset in these

struct SuperBlock {
  uint32_t magic, checksum, feature_compat;
  uint8_t block_bits, extension_slots;
  uint16_t root_nid;
  uint64_t inodes, build_time;
  uint32_t build_time_ns, blocks, meta_block, xattr_block;
  uint8_t uuid[16], volume_name[16];
  uint32_t feature_incompat;
  uint16_t compression;
  uint16_t extra_devices, device_slot;
  uint8_t directory_block_bits, xattr_prefixes;
  uint32_t xattr_prefix_start;
  uint64_t packed_nid;
  uint8_t reserved[24];
};
static_assert(sizeof(SuperBlock) == 128);

// How an inode's data lies.
enum Layout : uint16_t {
  kPlain = 0,   // in whole blocks
  kInline = 2,  // in whole blocks, and the rest right behind the inode, inside one block
  kChunks = 4,  // in chunks, each with its own address
};
constexpr uint16_t ExtendedFormat(Layout layout) { return static_cast<uint16_t>(1 | layout << 1); }
inline constexpr uint32_t kNoBlock = 0xffffffff;  // a hole
// Of chunk-based files: chunks of 2^(12 + 31) bytes, so that one address is enough for any file up to 8 TiB.
inline constexpr uint32_t kLargestChunks = 31;
inline constexpr uint64_t kMaxFileBytes = kBlock << kLargestChunks;

struct ExtendedInode {
  uint16_t format, xattr_units, mode, reserved;
  uint64_t size;
  uint32_t data;  // first block, device number or chunk format, as the layout has it
  uint32_t number, uid, gid;
  int64_t mtime;
  uint32_t mtime_ns, nlink;
  uint8_t reserved2[16];
};
static_assert(sizeof(ExtendedInode) == 64);

// Behind the inode: a header of 12 bytes, zero here, then entries, each padded to 4.
inline constexpr uint64_t kXattrHeader = 12;
struct XattrEntry {  // name and value follow
  uint8_t name_length, prefix;
  uint16_t value_length;
};
static_assert(sizeof(XattrEntry) == 4);
inline constexpr uint64_t kXattrUnit = 4;
inline constexpr uint64_t kMaxXattrUnits = 0xffff;

// A directory is a list of blocks, each with its entries first and then their names.
struct __attribute__((packed)) Dirent {
  uint64_t nid;
  uint16_t name_offset;
  uint8_t type, reserved;
};
static_assert(sizeof(Dirent) == 12);

}  // namespace burrow::image::erofs
