#include "builder/image_file.h"

#include <sys/stat.h>

#include <vector>

namespace burrow::builder {
namespace {

constexpr int kMaxFollowed = 40;  // as the kernel
constexpr uint64_t kMaxFile = 8u << 20;

void PushParts(std::vector<std::string>& rest, std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) rest.push_back(std::move(*part));
}

}  // namespace

const image::TreeNode* FollowInTree(const image::Tree& tree, std::string_view path) {
  std::vector<const image::TreeNode*> above = {&tree.root()};
  std::vector<std::string> rest;  // the next part last
  PushParts(rest, path);
  for (int links = 0; !rest.empty();) {
    const std::string part = std::move(rest.back());
    rest.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (above.size() > 1) above.pop_back();
      continue;
    }
    const auto child = above.back()->children.find(part);
    if (child == above.back()->children.end()) return nullptr;
    const auto& inode = *child->second->inode;
    if (!S_ISLNK(inode.mode)) {
      above.push_back(child->second.get());
      continue;
    }
    if (++links > kMaxFollowed) return nullptr;
    if (inode.target.starts_with('/')) above.resize(1);
    PushParts(rest, inode.target);
  }
  return above.back();
}

Result<std::string> ReadImageFile(const image::Tree& tree, std::string_view path, cas::BlobCache& cache) {
  const image::TreeNode* node = FollowInTree(tree, path);
  if (node == nullptr || !S_ISREG(node->inode->mode) || node->inode->size == 0) return std::string();
  if (node->inode->size > kMaxFile)
    return Fail(Code::kOutOfRange, "the image's {} has {} bytes, more than is read", path, node->inode->size);
  auto content = cache.Read(node->inode->digest, kMaxFile);
  if (!content) return Forward(std::move(content.error()).WithContext(fmt::format("read the image's {}", path)));
  return content;
}

}  // namespace burrow::builder
