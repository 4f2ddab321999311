#include "image/tree.h"

#include <sys/stat.h>

namespace burrow::image {
namespace {

std::unique_ptr<TreeNode> NewDirectory() {
  auto node = std::make_unique<TreeNode>();
  node->inode = std::make_shared<TreeInode>();
  node->inode->mode = S_IFDIR | 0755;
  return node;
}

std::shared_ptr<TreeInode> InodeFrom(const Index& index, InodeNumber number) {
  Inode from = index.inode(number);
  auto inode = std::make_shared<TreeInode>();
  *inode = {.mode = from.mode,
            .uid = from.uid,
            .gid = from.gid,
            .rdev = from.rdev,
            .size = from.size,
            .mtime = from.mtime,
            .mtime_ns = from.mtime_ns,
            .digest = from.digest,
            .frames = from.frames,
            .target = std::string(from.target)};
  for (const ExtendedAttribute& attribute : index.xattrs(number)) {
    inode->xattrs.emplace(attribute.name, attribute.value);
  }
  return inode;
}

}  // namespace

Tree::Tree() : root_(NewDirectory()) {}

Result<Tree> Tree::FromIndex(const Index& index) {
  std::vector<std::shared_ptr<TreeInode>> inodes(index.inode_count());
  std::vector<TreeNode*> directories(index.inode_count());
  for (InodeNumber number = 0; number < index.inode_count(); ++number) inodes[number] = InodeFrom(index, number);

  Tree tree;
  tree.root_->inode = inodes[kRootInode];
  directories[kRootInode] = tree.root_.get();
  for (InodeNumber number = 0; number < index.inode_count(); ++number) {
    TreeNode* directory = directories[number];  // parents have smaller numbers
    if (!directory) continue;
    for (uint32_t i = 0; i < index.entry_count(number); ++i) {
      DirectoryEntry entry = index.entry(number, i);
      auto node = std::make_unique<TreeNode>();
      node->inode = inodes[entry.inode];
      if (S_ISDIR(entry.type)) directories[entry.inode] = node.get();
      directory->children.emplace_hint(directory->children.end(), entry.name, std::move(node));
    }
  }
  return tree;
}

Result<TreeNode*> Tree::MakeDirectories(std::string_view absolute_path) {
  if (!absolute_path.starts_with('/'))
    return Fail(Code::kInvalidArgument, "the path '{}' is not absolute", absolute_path);
  TreeNode* node = root_.get();
  std::string_view rest = absolute_path;
  while (!rest.empty()) {
    std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    if (name.empty() || name == ".") continue;
    if (name == "..") return Fail(Code::kInvalidArgument, "the path '{}' has '..' in it", absolute_path);
    auto& child = node->children[std::string(name)];
    if (!child) child = NewDirectory();
    if (!S_ISDIR(child->inode->mode)) {
      return Fail(Code::kInvalidArgument, "'{}' in '{}' is no directory of the image", name, absolute_path);
    }
    node = child.get();
  }
  return node;
}

}  // namespace burrow::image
