// Where COPY and ADD put things in the tree of an image. Private to this module. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "builder/copy_selection.h"
#include "builder/mode_change.h"
#include "builder/tree_path.h"
#include "image/tree.h"

namespace burrow::builder {

// What becomes of the metadata of what is copied.
struct CopyChanges {
  std::optional<Ownership> owner;  // else as the source has it; new parents then belong to root
  std::optional<ModeChange> mode;
};

// Puts files and directories at one destination. Links on the way there and at its end are followed inside the tree;
// what lies below is never followed. The tree outlives it.
class CopyTarget {
 public:
  // `destination` ends in '/' where it must be a directory.
  CopyTarget(image::TreeNode& root, std::string_view destination, const CopyChanges& changes);

  // The destination itself as a directory, made where it is missing.
  Result<image::TreeNode*> MakeDirectory();
  // Copies a file into the destination where that is a directory, else as it; a directory's children into it. `alone`:
  // no other source goes there, so that the destination may become a file. kInvalidArgument where a directory and a
  // file are in each other's way.
  Status Put(const CopySource& source, bool alone);

 private:
  Status PutFile(const CopySource& source, bool alone);
  Status PutDirectory(const CopySource& source);
  Status PutItem(const CopyItem& item, image::TreeNode& parent, image::TreeNode*& put);
  std::shared_ptr<image::TreeInode> Changed(const std::shared_ptr<const image::TreeInode>& inode);

  image::TreeNode& root_;
  const std::string path_;  // clean
  const bool directory_;    // it ends in '/'
  const CopyChanges& changes_;
  std::unordered_map<const image::TreeInode*, std::shared_ptr<image::TreeInode>> linked_;  // source -> copy
};

// COPY --link: lays `linked`, a tree that has only what was copied, over `target` as a layer of its own. Directories
// merge; those on the way to the destination keep the target's metadata. Everything else of the target that is in the
// way, links too, is replaced.
void MergeLinked(image::TreeNode& target, image::TreeNode& linked, std::string_view clean_destination);

}  // namespace burrow::builder
