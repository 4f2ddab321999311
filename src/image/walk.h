// Reads the metadata of a real directory tree by held descriptors. Private to this module.
#pragma once

#include <dirent.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "image/tree.h"

struct stat;

namespace burrow::image {

inline constexpr char kOpaqueAttribute[] = "trusted.overlay.opaque";

// What an upper directory has in place of something that is deleted.
bool IsWhiteout(const struct stat& st);

// Of an open directory, sorted.
Result<std::vector<std::string>> NamesIn(DIR* directory);

// What `name` in the open directory `parent` is, of which `st` was told: its inode with its attributes, and whether it
// is an opaque directory. Content is not read. kFailedPrecondition where it depends on lower layers.
Result<UpperEntry> ReadEntry(int parent, const std::string& name, const std::string& path, const struct stat& st);

struct WalkedFile {
  std::string path;  // relative to the root; one of its hard links
  std::shared_ptr<TreeInode> inode;
};
struct Walked {
  std::vector<UpperEntry> entries;  // parents before children, names sorted; the root first
  std::vector<WalkedFile> files;  // regular files, hard links once; their digests are still to be filled in, and their
                                  // sizes to be confirmed
};

// No link is followed; sockets, mounts below and overlay's own attributes are left out. One thread; the tree should be
// at rest.
Result<Walked> Walk(int root);

// Opens a regular file below the open directory `root` for reading, without following any link. kAborted if it is none
// any more.
Result<UniqueFd> OpenWalked(int root, const std::string& path);

}  // namespace burrow::image
