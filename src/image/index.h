// The index of an image: its whole tree without content, one immutable blob. Same tree, same bytes.
// docs/index-format.md describes the bytes. Readers work on memory they do not own and check every offset once, in
// Open.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cas/digest.h"

namespace burrow::image {

using InodeNumber = uint32_t;  // 0 is the root
inline constexpr InodeNumber kRootInode = 0;
inline constexpr uint32_t kMaxDepth = 1000;           // of nested directories
inline constexpr uint64_t kMaxIndexBytes = 1u << 30;  // readers refuse more

// What lstat and a link's target tell of one inode. Character device 0:0 never occurs: it means "deleted" in an upper
// directory.
struct Inode {
  uint32_t mode = 0;  // type and permission bits
  uint32_t uid = 0, gid = 0;
  uint32_t nlink = 1;
  uint32_t rdev = 0;  // as the kernel encodes it for user space (makedev)
  uint64_t size = 0;  // regular files: bytes; links: length of the target
  int64_t mtime = 0;  // seconds
  uint32_t mtime_ns = 0;
  cas::Digest digest;       // of a non-empty regular file; zero otherwise
  cas::Digest frames;       // of the frame table of a file of cas::kFramedFrom bytes or more; zero otherwise
  std::string_view target;  // of a symbolic link
};

struct DirectoryEntry {
  std::string_view name;
  InodeNumber inode;
  uint32_t type;  // S_IFMT bits
};
struct ExtendedAttribute {
  std::string_view name, value;
};

class Index {
 public:
  // `bytes` must outlive the Index. kDataLoss where anything does not fit.
  static Result<Index> Open(std::span<const uint8_t> bytes);

  uint32_t inode_count() const;
  uint64_t total_file_bytes() const;  // of regular files, hard links once
  uint32_t file_count() const;        // regular files
  bool has_xattrs() const;            // any inode has an extended attribute

  Inode inode(InodeNumber number) const;  // number < inode_count()
  InodeNumber parent(InodeNumber directory) const;
  std::optional<InodeNumber> Lookup(InodeNumber directory, std::string_view name) const;  // O(log entries)
  uint32_t entry_count(InodeNumber directory) const;
  DirectoryEntry entry(InodeNumber directory, uint32_t position) const;  // sorted by name, bytewise
  std::vector<ExtendedAttribute> xattrs(InodeNumber number) const;

 private:
  Index() = default;
  friend class IndexChecker;

  // Views of the bytes; the records are described in index_format.h.
  const uint8_t* inodes_ = nullptr;
  const uint8_t* frames_ = nullptr;
  const uint8_t* xattrs_ = nullptr;
  const uint8_t* entries_ = nullptr;
  const char* strings_ = nullptr;
  uint32_t inode_count_ = 0, entry_count_ = 0, xattr_count_ = 0, file_count_ = 0;
  uint64_t string_bytes_ = 0, total_file_bytes_ = 0;
};

}  // namespace burrow::image
