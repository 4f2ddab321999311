// Reads the metadata of a real directory tree by held descriptors. Private to this module.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "image/tree.h"

namespace burrow::image {

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

// Opens a regular file of the tree for reading, without following any link. kFailedPrecondition if it is none any more.
Result<UniqueFd> OpenWalked(int root, const std::string& path);

}  // namespace burrow::image
