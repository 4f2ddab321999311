#include "builder/tree_path.h"

#include <sys/stat.h>

#include <algorithm>

namespace burrow::builder {
namespace {

using image::TreeNode;

// The parts of a path, last one first; "." and nothing are none.
std::vector<std::string> ReversedParts(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

template <class Node>
class Finder {
 public:
  Finder(Node& root, std::string_view path, LastLink last_link)
      : path_(path), last_link_(last_link), left_(ReversedParts(path)) {
    place_.nodes.push_back(&root);
  }
  Result<TreePlace<Node>> Find();

 private:
  void Ascend();
  Status Descend(std::string name);
  Status Follow(const std::string& target);

  const std::string_view path_;
  const LastLink last_link_;
  std::vector<std::string> left_;  // parts still to go, the next one last
  unsigned links_ = 0;
  TreePlace<Node> place_;
};

template <class Node>
Result<TreePlace<Node>> Finder<Node>::Find() {
  while (!left_.empty()) {
    std::string name = std::move(left_.back());
    left_.pop_back();
    if (name == "..") {
      Ascend();
    } else if (!place_.missing.empty()) {
      place_.missing.push_back(std::move(name));
    } else {
      BURROW_RETURN_IF_ERROR(Descend(std::move(name)));
    }
  }
  return std::move(place_);
}

// The root is its own parent.
template <class Node>
void Finder<Node>::Ascend() {
  if (!place_.missing.empty()) {
    place_.missing.pop_back();
  } else if (!place_.names.empty()) {
    place_.names.pop_back();
    place_.nodes.pop_back();
  }
}

template <class Node>
Status Finder<Node>::Descend(std::string name) {
  Node& parent = *place_.nodes.back();
  if (!S_ISDIR(parent.inode->mode)) {
    return Fail(Code::kInvalidArgument, "'{}' in '{}' is no directory", place_.names.back(), path_);
  }
  auto child = parent.children.find(name);
  if (child == parent.children.end()) {
    place_.missing.push_back(std::move(name));
    return {};
  }
  Node& node = *child->second;
  if (S_ISLNK(node.inode->mode) && (!left_.empty() || last_link_ == LastLink::kFollow)) {
    return Follow(node.inode->target);
  }
  place_.nodes.push_back(&node);
  place_.names.push_back(std::move(name));
  return {};
}

template <class Node>
Status Finder<Node>::Follow(const std::string& target) {
  if (++links_ > kMaxLinks) return Fail(Code::kInvalidArgument, "'{}' leads through too many links", path_);
  if (target.starts_with('/')) {
    place_.nodes.resize(1);
    place_.names.clear();
  }
  auto parts = ReversedParts(target);
  left_.insert(left_.end(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
  return {};
}

}  // namespace

std::string CleanPath(std::string_view path) {
  auto parts = ReversedParts(path);
  std::vector<std::string> clean;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (*part != "..") {
      clean.push_back(std::move(*part));
    } else if (!clean.empty()) {
      clean.pop_back();
    }
  }
  std::string text;
  for (const std::string& part : clean) text += "/" + part;
  return text.empty() ? "/" : text;
}

std::string BaseName(std::string_view clean_path) { return std::string(clean_path.substr(clean_path.rfind('/') + 1)); }

std::string ParentPath(std::string_view clean_path) {
  size_t slash = clean_path.rfind('/');
  return slash == 0 ? "/" : std::string(clean_path.substr(0, slash));
}

template <class Node>
Result<TreePlace<Node>> FindPlace(Node& root, std::string_view path, LastLink last_link) {
  return Finder<Node>(root, path, last_link).Find();
}
template Result<TreePlace<TreeNode>> FindPlace(TreeNode&, std::string_view, LastLink);
template Result<TreePlace<const TreeNode>> FindPlace(const TreeNode&, std::string_view, LastLink);

Result<TreeNode*> MakePlace(TreeNode& root, std::string_view path, Ownership owner) {
  BURROW_ASSIGN_OR_RETURN(auto place, FindPlace(root, path));
  TreeNode* node = &place.node();
  if (!S_ISDIR(node->inode->mode)) return Fail(Code::kInvalidArgument, "'{}' is no directory", path);
  for (std::string& name : place.missing) {
    auto& child = node->children[std::move(name)];
    child = std::make_unique<TreeNode>();
    child->inode = std::make_shared<image::TreeInode>();
    child->inode->mode = S_IFDIR | 0755;
    child->inode->uid = owner.uid;
    child->inode->gid = owner.gid;
    node = child.get();
  }
  return node;
}

}  // namespace burrow::builder
