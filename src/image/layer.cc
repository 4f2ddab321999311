#include <sys/stat.h>

#include "image/tree.h"

namespace burrow::image {
namespace {

// The directory that holds `path`, and the last part of `path`.
struct Place {
  TreeNode* parent;
  std::string name;
};

Result<Place> FindPlace(Tree& tree, std::string_view path) {
  TreeNode* node = &tree.root();
  std::string_view rest = path;
  for (;;) {
    size_t slash = rest.find('/');
    std::string_view name = rest.substr(0, slash);
    if (name.empty() || name == "." || name == "..") return Fail(Code::kInvalidArgument, "the layer's path '{}'", path);
    if (slash == rest.npos) return Place{node, std::string(name)};
    auto child = node->children.find(std::string(name));
    if (child == node->children.end() || !S_ISDIR(child->second->inode->mode)) {
      return Fail(Code::kInvalidArgument, "the layer has '{}' without its directory", path);
    }
    node = child->second.get();
    rest.remove_prefix(slash + 1);
  }
}

// The node at `path`; null where there is none.
TreeNode* FindNode(Tree& tree, const std::string& path) {
  if (path.empty()) return &tree.root();
  auto place = FindPlace(tree, path);
  if (!place) return nullptr;
  auto child = place->parent->children.find(place->name);
  return child == place->parent->children.end() ? nullptr : child->second.get();
}

std::shared_ptr<TreeInode> PlainDirectory() {
  auto inode = std::make_shared<TreeInode>();
  inode->mode = S_IFDIR | 0755;
  return inode;
}

void PutNode(TreeNode& node, const UpperEntry& entry) {
  bool merges = node.inode && S_ISDIR(node.inode->mode) && S_ISDIR(entry.inode->mode);
  if (!merges || entry.kind == UpperEntry::Kind::kOpaqueDirectory) node.children.clear();
  node.inode = entry.inode;
}

Status Put(Tree& tree, const UpperEntry& entry) {
  if (!entry.inode) return Fail(Code::kInvalidArgument, "the layer's entry '{}' has no inode", entry.path);
  bool directory = S_ISDIR(entry.inode->mode);
  if (entry.kind == UpperEntry::Kind::kOpaqueDirectory && !directory) {
    return Fail(Code::kInvalidArgument, "the layer's '{}' is opaque and no directory", entry.path);
  }
  if (entry.path.empty()) {
    if (!directory) return Fail(Code::kInvalidArgument, "the layer's root is no directory");
    PutNode(tree.root(), entry);
    return {};
  }
  BURROW_ASSIGN_OR_RETURN(Place place, FindPlace(tree, entry.path));
  auto& node = place.parent->children[place.name];
  if (!node) node = std::make_unique<TreeNode>();
  PutNode(*node, entry);
  return {};
}

Status Remove(Tree& tree, const std::string& path) {
  if (path.empty()) return Fail(Code::kInvalidArgument, "the layer removes the root");
  if (auto place = FindPlace(tree, path)) place->parent->children.erase(place->name);
  return {};
}

Status Empty(Tree& tree, const std::string& path) {
  TreeNode* node = FindNode(tree, path);
  if (node) node->children.clear();  // none but directories have any
  return {};
}

Status AddDirectory(Tree& tree, const std::string& path) {
  TreeNode* node = FindNode(tree, path);
  if (node && S_ISDIR(node->inode->mode)) return {};
  return Put(tree, {.path = path, .inode = PlainDirectory()});
}

Status AddHardLink(Tree& tree, const UpperEntry& entry) {
  TreeNode* target = FindNode(tree, entry.target);
  if (!target || S_ISDIR(target->inode->mode)) {
    return Fail(Code::kInvalidArgument, "the layer links '{}' to '{}', which is no file", entry.path, entry.target);
  }
  return Put(tree, {.path = entry.path, .inode = target->inode});
}

Status ApplyEntry(Tree& tree, const UpperEntry& entry) {
  switch (entry.kind) {
    case UpperEntry::Kind::kPut:
    case UpperEntry::Kind::kOpaqueDirectory:
      return Put(tree, entry);
    case UpperEntry::Kind::kWhiteout:
      return Remove(tree, entry.path);
    case UpperEntry::Kind::kEmpty:
      return Empty(tree, entry.path);
    case UpperEntry::Kind::kDirectory:
      return AddDirectory(tree, entry.path);
    case UpperEntry::Kind::kHardLink:
      return AddHardLink(tree, entry);
  }
  return Fail(Code::kInternal, "an unknown kind of layer entry");
}

}  // namespace

Status ApplyLayer(Tree& tree, const std::vector<UpperEntry>& layer) {
  for (const UpperEntry& entry : layer) BURROW_RETURN_IF_ERROR(ApplyEntry(tree, entry));
  return {};
}

}  // namespace burrow::image
