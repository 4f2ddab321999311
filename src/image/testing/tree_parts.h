// Trees for tests, made by hand and at random.
#pragma once

#include <rapidcheck.h>
#include <sys/stat.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "image/tree.h"

namespace burrow::image::testing {

inline std::shared_ptr<TreeInode> NewInode(uint32_t mode) {
  auto inode = std::make_shared<TreeInode>();
  inode->mode = mode;
  return inode;
}
inline std::shared_ptr<TreeInode> NewFile(std::string_view content) {
  auto inode = NewInode(S_IFREG | 0644);
  inode->size = content.size();
  if (!content.empty()) inode->digest = cas::Digest::Of(content);
  return inode;
}
inline std::shared_ptr<TreeInode> NewLink(std::string target) {
  auto inode = NewInode(S_IFLNK | 0777);
  inode->size = target.size();
  inode->target = std::move(target);
  return inode;
}
inline TreeNode* Add(TreeNode& directory, const std::string& name, std::shared_ptr<TreeInode> inode) {
  auto& child = directory.children[name];
  child = std::make_unique<TreeNode>();
  child->inode = std::move(inode);
  return child.get();
}

// Inside a property: directories, files and further links of files, at most `size` of them, named and made as is said.
inline Tree RandomTree(int size, const std::function<std::string()>& name,
                       const std::function<std::shared_ptr<TreeInode>()>& inode) {
  Tree tree;
  std::vector<TreeNode*> directories = {&tree.root()};
  std::vector<std::shared_ptr<TreeInode>> files;
  for (int steps = *rc::gen::inRange(0, size); steps > 0; --steps) {
    TreeNode& parent = *directories[*rc::gen::inRange<size_t>(0, directories.size())];
    const std::string child = name();
    if (child == "." || child == ".." || parent.children.contains(child)) continue;
    const int kind = *rc::gen::inRange(0, 5);
    if (kind == 0) {
      directories.push_back(Add(parent, child, NewInode(S_IFDIR | 0700)));
    } else if (kind == 1 && !files.empty()) {
      Add(parent, child, files[*rc::gen::inRange<size_t>(0, files.size())]);
    } else {
      files.push_back(inode());
      Add(parent, child, files.back());
    }
  }
  return tree;
}

}  // namespace burrow::image::testing
