// What the kernel and a filesystem server say to each other over /dev/fuse: the messages that imagefs uses.
// Numbers and layouts are the kernel's (linux/fuse.h, protocol 7.x). Private to this module.
#pragma once

#include <cstdint>

namespace burrow::imagefs::abi {

inline constexpr uint32_t kMajor = 7;
inline constexpr uint32_t kMinor = 41;
inline constexpr uint32_t kOldestMinor = 31;  // Linux 5.4; imagefs asks for 5.10
inline constexpr uint64_t kRootNode = 1;

enum Opcode : uint32_t {
  kLookup = 1,
  kForget = 2,
  kGetattr = 3,
  kReadlink = 5,
  kOpen = 14,
  kRead = 15,
  kStatfs = 17,
  kRelease = 18,
  kGetxattr = 22,
  kListxattr = 23,
  kFlush = 25,
  kInit = 26,
  kOpendir = 27,
  kReaddir = 28,
  kReleasedir = 29,
  kAccess = 34,
  kInterrupt = 36,
  kDestroy = 38,
  kIoctl = 39,
  kBatchForget = 42,
  kReaddirplus = 44,
  kLseek = 46,
  kStatx = 52,
  kOpcodeCount = 64,
};

enum InitFlag : uint64_t {
  kAsyncRead = 1u << 0,
  kBigWrites = 1u << 5,
  kDoReaddirplus = 1u << 13,
  kReaddirplusAuto = 1u << 14,
  kNoOpenSupport = 1u << 17,
  kParallelDirops = 1u << 18,
  kMaxPages = 1u << 22,
  kCacheSymlinks = 1u << 23,
  kNoOpendirSupport = 1u << 24,
  kExplicitInvalData = 1u << 25,
  kInitExt = 1u << 30,
};

enum OpenFlag : uint32_t { kKeepCache = 1u << 1, kCacheDir = 1u << 3, kNoFlush = 1u << 5 };

struct InHeader {
  uint32_t len, opcode;
  uint64_t unique, nodeid;
  uint32_t uid, gid, pid;
  uint16_t total_extlen, padding;
};
struct OutHeader {
  uint32_t len;
  int32_t error;  // negative errno
  uint64_t unique;
};

struct InitIn {
  uint32_t major, minor, max_readahead, flags, flags2, unused[11];
};
struct InitOut {
  uint32_t major, minor, max_readahead, flags;
  uint16_t max_background, congestion_threshold;
  uint32_t max_write, time_gran;
  uint16_t max_pages, map_alignment;
  uint32_t flags2, max_stack_depth;
  uint16_t request_timeout, unused[11];
};

struct Attr {
  uint64_t ino, size, blocks, atime, mtime, ctime;
  uint32_t atimensec, mtimensec, ctimensec, mode, nlink, uid, gid, rdev, blksize, flags;
};
struct EntryOut {
  uint64_t nodeid, generation, entry_valid, attr_valid;
  uint32_t entry_valid_nsec, attr_valid_nsec;
  Attr attr;
};
struct AttrOut {
  uint64_t attr_valid;
  uint32_t attr_valid_nsec, dummy;
  Attr attr;
};
struct OpenOut {
  uint64_t fh;
  uint32_t open_flags, padding;
};
struct ReadIn {  // of READ, READDIR and READDIRPLUS
  uint64_t fh, offset;
  uint32_t size, read_flags;
  uint64_t lock_owner;
  uint32_t flags, padding;
};
struct GetxattrIn {  // of GETXATTR and LISTXATTR
  uint32_t size, padding;
};
struct GetxattrOut {
  uint32_t size, padding;
};
struct StatfsOut {
  uint64_t blocks, bfree, bavail, files, ffree;
  uint32_t bsize, namelen, frsize, padding, spare[6];
};
struct Dirent {  // the name follows, padded to 8
  uint64_t ino, off;
  uint32_t namelen, type;
};

static_assert(sizeof(InHeader) == 40 && sizeof(OutHeader) == 16 && sizeof(InitIn) == 64 && sizeof(InitOut) == 64);
static_assert(sizeof(Attr) == 88 && sizeof(EntryOut) == 128 && sizeof(AttrOut) == 104 && sizeof(OpenOut) == 16);
static_assert(sizeof(ReadIn) == 40 && sizeof(StatfsOut) == 80 && sizeof(Dirent) == 24);

}  // namespace burrow::imagefs::abi
