#include "builder/copy_target.h"

#include <sys/stat.h>

#include <algorithm>

namespace burrow::builder {
namespace {

using image::TreeInode;
using image::TreeNode;

bool NeedsDirectory(std::string_view destination) { return destination.ends_with('/') || destination.ends_with("/."); }

// The node that is there; null where nothing is.
TreeNode* Child(TreeNode& directory, const std::string& name) {
  auto child = directory.children.find(name);
  return child == directory.children.end() ? nullptr : child->second.get();
}

TreeNode* Replace(TreeNode& directory, const std::string& name, std::shared_ptr<TreeInode> inode) {
  auto& node = directory.children[name];
  node = std::make_unique<TreeNode>();
  node->inode = std::move(inode);
  return node.get();
}

// The way to a place whose last part is not there, without links.
std::string RealParent(const TreePlace<TreeNode>& place) {
  std::string path;
  for (const std::string& name : place.names) path += "/" + name;
  for (size_t i = 0; i + 1 < place.missing.size(); ++i) path += "/" + place.missing[i];
  return path;
}

}  // namespace

CopyTarget::CopyTarget(TreeNode& root, std::string_view destination, const CopyChanges& changes)
    : root_(root), path_(CleanPath(destination)), directory_(NeedsDirectory(destination)), changes_(changes) {}

Result<TreeNode*> CopyTarget::MakeDirectory() { return MakePlace(root_, path_, changes_.owner.value_or(Ownership{})); }

Status CopyTarget::Put(const CopySource& source, bool alone) {
  return source.is_directory() ? PutDirectory(source) : PutFile(source, alone);
}

Status CopyTarget::PutFile(const CopySource& source, bool alone) {
  BURROW_ASSIGN_OR_RETURN(auto place, FindPlace(root_, path_));
  CopyItem item = source.items.front();
  item.name = source.name;
  TreeNode* parent = nullptr;
  if (directory_ || (place.exists() && S_ISDIR(place.node().inode->mode))) {
    BURROW_ASSIGN_OR_RETURN(parent, MakeDirectory());
  } else if (!alone) {
    return Fail(Code::kInvalidArgument, "several sources need a destination that ends in '/', and '{}' does not",
                path_);
  } else if (place.exists()) {
    parent = place.nodes[place.nodes.size() - 2];
    item.name = place.names.back();
  } else {
    item.name = place.missing.back();
    BURROW_ASSIGN_OR_RETURN(parent, MakePlace(root_, RealParent(place), changes_.owner.value_or(Ownership{})));
  }
  TreeNode* put = nullptr;
  return PutItem(item, *parent, put);
}

// A directory that is there keeps its own metadata; a new one gets the source's date and the change of modes.
Status CopyTarget::PutDirectory(const CopySource& source) {
  BURROW_ASSIGN_OR_RETURN(auto place, FindPlace(root_, path_));
  bool existed = place.exists();
  if (existed && !S_ISDIR(place.node().inode->mode))
    return Fail(Code::kInvalidArgument, "'{}' is no directory, and a directory is to be copied there", path_);
  std::vector<TreeNode*> nodes(source.items.size());
  BURROW_ASSIGN_OR_RETURN(nodes[0], MakeDirectory());
  if (!existed) {
    TreeInode& inode = *nodes[0]->inode;
    inode.mtime = source.items[0].inode->mtime;
    inode.mtime_ns = source.items[0].inode->mtime_ns;
    if (changes_.mode) inode.mode = S_IFDIR | changes_.mode->Apply(inode.mode);
  }
  for (size_t i = 1; i < nodes.size(); ++i) {
    const CopyItem& item = source.items[i];
    BURROW_RETURN_IF_ERROR(PutItem(item, *nodes[item.parent], nodes[i]));
  }
  return {};
}

Status CopyTarget::PutItem(const CopyItem& item, TreeNode& parent, TreeNode*& put) {
  put = Child(parent, item.name);
  bool directory = S_ISDIR(item.inode->mode), was_directory = put && S_ISDIR(put->inode->mode);
  if (put && directory && !was_directory)
    return Fail(Code::kInvalidArgument, "'{}' below '{}' is no directory, and a directory is to be copied there",
                item.name, path_);
  if (!directory && was_directory)
    return Fail(Code::kInvalidArgument, "'{}' below '{}' is a directory: a file cannot take its place", item.name,
                path_);
  if (!was_directory) {
    put = Replace(parent, item.name, Changed(item.inode));
    return {};
  }
  auto inode = std::make_shared<TreeInode>(*put->inode);  // nobody else's: trees may share inodes
  if (item.on_the_way) {
    inode->mode = item.inode->mode;
  } else {
    auto xattrs = std::move(inode->xattrs);
    inode = Changed(item.inode);
    inode->xattrs.merge(xattrs);
  }
  put->inode = std::move(inode);
  return {};
}

// Names of one file in the source are names of one file in the target.
std::shared_ptr<TreeInode> CopyTarget::Changed(const std::shared_ptr<const TreeInode>& inode) {
  bool directory = S_ISDIR(inode->mode);
  if (auto known = linked_.find(inode.get()); !directory && known != linked_.end()) return known->second;
  auto changed = std::make_shared<TreeInode>(*inode);
  if (changes_.owner) {
    changed->uid = changes_.owner->uid;
    changed->gid = changes_.owner->gid;
  }
  if (changes_.mode && !S_ISLNK(inode->mode))
    changed->mode = (inode->mode & S_IFMT) | changes_.mode->Apply(inode->mode);
  if (!directory) linked_[inode.get()] = changed;
  return changed;
}

void MergeLinked(TreeNode& target, TreeNode& linked, std::string_view clean_destination) {
  std::string_view path = clean_destination.substr(clean_destination.starts_with('/') ? 1 : 0);
  std::string_view on_the_way = path.substr(0, path.find('/'));
  for (auto& [name, node] : linked.children) {
    auto& there = target.children[name];
    bool merges = there && S_ISDIR(there->inode->mode) && S_ISDIR(node->inode->mode);
    if (!merges) {
      there = std::move(node);
    } else if (name == on_the_way) {
      MergeLinked(*there, *node, path.substr(name.size()));
    } else {
      there->inode = node->inode;
      MergeLinked(*there, *node, "");
    }
  }
}

}  // namespace burrow::builder
