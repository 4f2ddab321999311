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

// One change that an overlay upper directory describes, parents before children.
struct UpperEntry {
  enum class Kind { kPut, kWhiteout, kOpaqueDirectory };
  Kind kind = Kind::kPut;
  std::string path;                  // relative to the root, "" for the root itself
  std::shared_ptr<TreeInode> inode;  // hard links inside the upper share one; null for whiteouts
};
// Applies a layer to its parent: overlay's rules (a put over a non-directory replaces it, a directory over a directory
// merges, opaque hides what was below).
Status ApplyLayer(Tree& tree, const std::vector<UpperEntry>& layer);

}  // namespace burrow::image
