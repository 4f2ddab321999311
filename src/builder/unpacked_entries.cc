#include "builder/unpacked_entries.h"

#include <sys/stat.h>

namespace burrow::builder {
namespace {

using image::TreeInode;
using image::TreeNode;
using image::UpperEntry;

std::shared_ptr<TreeInode> Owned(const TreeInode& inode, const std::optional<Ownership>& owner) {
  auto copy = std::make_shared<TreeInode>(inode);
  if (owner) {
    copy->uid = owner->uid;
    copy->gid = owner->gid;
  }
  return copy;
}

Status PutInode(TreeNode& directory, const std::string& path, std::shared_ptr<TreeInode> inode) {
  BURROW_ASSIGN_OR_RETURN(TreeNode * parent, MakePlace(directory, ParentPath(path), {}));
  auto& node = parent->children[BaseName(path)];
  bool merges = node && S_ISDIR(node->inode->mode) && S_ISDIR(inode->mode);
  if (!merges) node = std::make_unique<TreeNode>();
  node->inode = std::move(inode);
  return {};
}

Result<std::shared_ptr<TreeInode>> FindLinked(TreeNode& directory, const UpperEntry& entry) {
  auto place = FindPlace(directory, CleanPath(entry.target), LastLink::kKeep);
  if (!place || !place->exists() || S_ISDIR(place->node().inode->mode))
    return Fail(Code::kInvalidArgument, "the archive links '{}' to '{}', which is no file", entry.path, entry.target);
  return place->node().inode;
}

Status PutEntry(TreeNode& directory, const UpperEntry& entry, const std::optional<Ownership>& owner) {
  std::string path = CleanPath(entry.path);
  if (path == "/") return {};
  switch (entry.kind) {
    case UpperEntry::Kind::kPut:
      if (!entry.inode) break;
      return PutInode(directory, path, Owned(*entry.inode, owner));
    case UpperEntry::Kind::kDirectory:
      BURROW_RETURN_IF_ERROR(MakePlace(directory, path, {}));
      return {};
    case UpperEntry::Kind::kHardLink: {
      BURROW_ASSIGN_OR_RETURN(auto inode, FindLinked(directory, entry));
      return PutInode(directory, path, std::move(inode));
    }
    default:
      break;
  }
  return Fail(Code::kInvalidArgument, "the archive's entry '{}' is none of an archive", entry.path);
}

}  // namespace

Status PutUnpacked(TreeNode& directory, const std::vector<UpperEntry>& entries, const std::optional<Ownership>& owner) {
  for (const UpperEntry& entry : entries) BURROW_RETURN_IF_ERROR(PutEntry(directory, entry, owner));
  return {};
}

}  // namespace burrow::builder
