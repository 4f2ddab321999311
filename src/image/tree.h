// An image's tree while it is put together: made from an index or a directory, changed by layers, encoded to an index.
// Pure memory: no thread, clock, socket or disk.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cas/digest.h"
#include "image/index.h"

namespace burrow::image {

// Metadata and content name of an inode; hard links share one.
struct TreeInode {
  uint32_t mode = 0, uid = 0, gid = 0, rdev = 0;
  uint64_t size = 0;
  int64_t mtime = 0;
  uint32_t mtime_ns = 0;
  cas::Digest digest;
  cas::Digest frames;  // of the frame table; for files of cas::kFramedFrom bytes or more
  std::string target;
  std::map<std::string, std::string> xattrs;
};

struct TreeNode {
  std::shared_ptr<TreeInode> inode;
  std::map<std::string, std::unique_ptr<TreeNode>> children;  // of a directory
};

class Tree {
 public:
  Tree();  // an empty root, 0755
  static Result<Tree> FromIndex(const Index& index);
  TreeNode& root() { return *root_; }
  const TreeNode& root() const { return *root_; }
  // Adds missing directories (0755, root, mtime 0). kInvalidArgument where a part exists and is no directory.
  Result<TreeNode*> MakeDirectories(std::string_view absolute_path);
  // The index's bytes: deterministic. kInvalidArgument for what an index cannot hold.
  Result<std::string> Encode() const;

 private:
  std::unique_ptr<TreeNode> root_;
};

// One change that a layer describes: an overlay's upper directory or an OCI layer. In order, parents before children.
struct UpperEntry {
  enum class Kind {
    kPut,              // this inode is there; a directory over a directory keeps what is below
    kWhiteout,         // nothing is there; no error where nothing was
    kOpaqueDirectory,  // a put directory that hides what was below
    kEmpty,            // what was below is gone; no error where no directory was
    kDirectory,        // some directory is there: the one that was, or a new one (0755, root, mtime 0)
    kHardLink,         // the inode that is at `target` by then; no directory
  };
  Kind kind = Kind::kPut;
  std::string path;                  // relative to the root, "" for the root itself
  std::shared_ptr<TreeInode> inode;  // of puts; hard links inside an upper directory share one
  std::string target;                // of kHardLink, as `path`
};
// Applies a layer to its parent: overlay's rules (a put over a non-directory replaces it, a directory over a directory
// merges, opaque hides what was below). kInvalidArgument for a layer that contradicts itself or the tree.
Status ApplyLayer(Tree& tree, const std::vector<UpperEntry>& layer);

}  // namespace burrow::image
