// Trees of a few lines, and copies between them, for tests.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "builder/file_copy.h"
#include "builder/tree_path.h"

namespace burrow::builder::testing {

inline image::TreeInode File(std::string_view content, uint32_t mode = 0644) {
  return {.mode = S_IFREG | mode, .size = content.size(), .mtime = 7, .digest = cas::Digest::Of(content)};
}
inline image::TreeInode Directory(uint32_t mode = 0755) { return {.mode = S_IFDIR | mode, .mtime = 8}; }
inline image::TreeInode Link(std::string target) {
  size_t size = target.size();
  return {.mode = S_IFLNK | 0777, .size = size, .mtime = 9, .target = std::move(target)};
}

// Puts it at the path, which has no links; parents are made.
inline void Add(image::Tree& tree, const std::string& path, image::TreeInode inode) {
  auto* parent = tree.MakeDirectories(ParentPath(path)).value();
  auto& node = parent->children[BaseName(path)];
  if (!node) node = std::make_unique<image::TreeNode>();
  node->inode = std::make_shared<image::TreeInode>(std::move(inode));
}

inline image::Tree MakeTree(const std::vector<std::pair<std::string, image::TreeInode>>& nodes) {
  image::Tree tree;
  for (const auto& [path, inode] : nodes) Add(tree, path, inode);
  return tree;
}

// Null where nothing is; links are not followed.
inline const image::TreeInode* At(const image::Tree& tree, const std::string& path) {
  const image::TreeNode* node = &tree.root();
  for (std::string_view rest = std::string_view(path).substr(1); !rest.empty();) {
    std::string name(rest.substr(0, rest.find('/')));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    auto child = node->children.find(name);
    if (child == node->children.end()) return nullptr;
    node = child->second.get();
  }
  return node->inode.get();
}

// Paths below `node`, sorted: "a/ a/b c@target".
inline void ListInto(const image::TreeNode& node, const std::string& prefix, std::string& text) {
  for (const auto& [name, child] : node.children) {
    const auto& inode = *child->inode;
    text += (text.empty() ? "" : " ") + prefix + name;
    if (S_ISDIR(inode.mode)) text += "/";
    if (S_ISLNK(inode.mode)) text += "@" + inode.target;
    ListInto(*child, prefix + name + "/", text);
  }
}
inline std::string List(const image::Tree& tree) {
  std::string text;
  ListInto(tree.root(), "", text);
  return text;
}

// Content by digest, and archives by the digest of the file that is one.
struct World {
  std::map<cas::Digest, std::string> contents;
  std::map<cas::Digest, std::vector<image::UpperEntry>> archives;

  CopyServices Services() {
    return {.read = [this](const image::TreeInode& inode) -> Result<std::string> { return contents.at(inode.digest); },
            .put = [this](std::string_view bytes) -> Result<cas::Digest> {
              auto digest = cas::Digest::Of(bytes);
              contents[digest] = bytes;
              return digest;
            },
            .unpack = [this](const image::TreeInode& inode) -> Result<std::optional<std::vector<image::UpperEntry>>> {
              std::optional<std::vector<image::UpperEntry>> entries;
              if (auto found = archives.find(inode.digest); found != archives.end()) entries = found->second;
              return entries;
            }};
  }
  Status Copy(const image::Tree& source, image::Tree& target, const dockerfile::Copy& copy,
              std::vector<std::pair<std::string, image::TreeInode>> downloads = {}) {
    auto selected = FileCopy::Select(source, copy, std::move(downloads), Services());
    if (!selected) return Forward(std::move(selected.error()));
    return selected->Apply(target, Services());
  }
};

}  // namespace burrow::builder::testing
