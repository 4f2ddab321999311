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

void PutNode(TreeNode& node, const UpperEntry& entry) {
  bool merges = node.inode && S_ISDIR(node.inode->mode) && S_ISDIR(entry.inode->mode);
  if (!merges || entry.kind == UpperEntry::Kind::kOpaqueDirectory) node.children.clear();
  node.inode = entry.inode;
}

Status ApplyEntry(Tree& tree, const UpperEntry& entry) {
  bool whiteout = entry.kind == UpperEntry::Kind::kWhiteout;
  if (!whiteout && !entry.inode) return Fail(Code::kInvalidArgument, "the layer's entry '{}' has no inode", entry.path);
  bool directory = !whiteout && S_ISDIR(entry.inode->mode);
  if (entry.kind == UpperEntry::Kind::kOpaqueDirectory && !directory) {
    return Fail(Code::kInvalidArgument, "the layer's '{}' is opaque and no directory", entry.path);
  }
  if (entry.path.empty()) {
    if (!directory) return Fail(Code::kInvalidArgument, "the layer's root is no directory");
    PutNode(tree.root(), entry);
    return {};
  }
  BURROW_ASSIGN_OR_RETURN(Place place, FindPlace(tree, entry.path));
  if (whiteout) {
    place.parent->children.erase(place.name);
    return {};
  }
  auto& node = place.parent->children[place.name];
  if (!node) node = std::make_unique<TreeNode>();
  PutNode(*node, entry);
  return {};
}

}  // namespace

Status ApplyLayer(Tree& tree, const std::vector<UpperEntry>& layer) {
  for (const UpperEntry& entry : layer) BURROW_RETURN_IF_ERROR(ApplyEntry(tree, entry));
  return {};
}

}  // namespace burrow::image
