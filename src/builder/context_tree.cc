#include "builder/context_tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

namespace burrow::builder {
namespace {

using burrow::v1::ContextEntry;
using image::TreeInode;
using image::TreeNode;

constexpr size_t kMaxName = 255, kMaxTarget = 4095;
constexpr uint32_t kSecond = 1'000'000'000;  // in nanoseconds

std::shared_ptr<TreeInode> Directory() {
  auto inode = std::make_shared<TreeInode>();
  inode->mode = S_IFDIR | 0755;
  return inode;
}

// Puts entries into a tree; parents come before what they hold.
class ContextBuilder {
 public:
  Status Add(const ContextEntry& entry) {
    BURROW_ASSIGN_OR_RETURN(TreeNode * parent, FindParent(entry.path()));
    const std::string& path = entry.path();
    auto [child, is_new] = parent->children.try_emplace(path.substr(path.rfind('/') + 1));
    if (!is_new) return Fail(Code::kInvalidArgument, "it comes twice");
    child->second = std::make_unique<TreeNode>();
    child->second->inode = Directory();
    BURROW_ASSIGN_OR_RETURN(child->second->inode, Inode(entry));
    return {};
  }
  image::Tree Take() { return std::move(tree_); }

 private:
  Result<TreeNode*> FindParent(std::string_view path);
  static Result<std::shared_ptr<TreeInode>> Inode(const ContextEntry& entry);
  static Status FillFile(const ContextEntry& entry, TreeInode& inode);

  image::Tree tree_;
};

Result<TreeNode*> ContextBuilder::FindParent(std::string_view path) {
  TreeNode* node = &tree_.root();
  for (uint32_t depth = 1;; ++depth) {
    size_t slash = path.find('/');
    std::string_view name = path.substr(0, slash);
    bool fine = !name.empty() && name != "." && name != ".." && name.size() <= kMaxName && !name.contains('\0');
    if (!fine || depth >= image::kMaxDepth) return Fail(Code::kInvalidArgument, "it is no path inside the context");
    if (slash == std::string_view::npos) return node;
    auto& child = node->children[std::string(name)];
    if (!child) {
      child = std::make_unique<TreeNode>();
      child->inode = Directory();
    }
    if (!S_ISDIR(child->inode->mode)) return Fail(Code::kInvalidArgument, "it lies below what is no directory");
    node = child.get();
    path.remove_prefix(slash + 1);
  }
}

Result<std::shared_ptr<TreeInode>> ContextBuilder::Inode(const ContextEntry& entry) {
  if (entry.mode() > 07777)
    return Fail(Code::kInvalidArgument, "its mode {:o} has more than permissions", entry.mode());
  if (entry.mtime_ns() >= kSecond) return Fail(Code::kInvalidArgument, "its time is none");
  auto inode = std::make_shared<TreeInode>();
  inode->mtime = entry.mtime();
  inode->mtime_ns = entry.mtime_ns();
  switch (entry.type()) {
    case ContextEntry::TYPE_FILE:
      inode->mode = S_IFREG | entry.mode();
      BURROW_RETURN_IF_ERROR(FillFile(entry, *inode));
      return inode;
    case ContextEntry::TYPE_DIRECTORY:
      inode->mode = S_IFDIR | entry.mode();
      return inode;
    case ContextEntry::TYPE_SYMLINK:
      inode->mode = S_IFLNK | 0777;
      inode->target = entry.target();
      inode->size = inode->target.size();
      if (inode->target.empty() || inode->target.size() > kMaxTarget || inode->target.contains('\0'))
        return Fail(Code::kInvalidArgument, "it is a link to nothing");
      return inode;
    default:
      return Fail(Code::kInvalidArgument, "it is neither file, directory nor link");
  }
}

Status ContextBuilder::FillFile(const ContextEntry& entry, TreeInode& inode) {
  inode.size = entry.size();
  if (entry.size() == 0 && entry.digest().empty()) return {};
  auto digest = cas::Digest::FromHex(entry.digest());
  if (!digest) return Fail(Code::kInvalidArgument, "its digest '{}' is none", entry.digest().substr(0, 100));
  if (entry.size() > 0) inode.digest = *digest;
  return {};
}

void Clamp(TreeNode& node, int64_t epoch) {
  TreeInode& inode = *node.inode;
  if (inode.mtime >= epoch) {
    inode.mtime = epoch;
    inode.mtime_ns = 0;
  }
  for (auto& [name, child] : node.children) Clamp(*child, epoch);
}

}  // namespace

Result<image::Tree> ContextTree(const burrow::v1::ContextManifest& manifest) {
  std::vector<const ContextEntry*> entries;
  entries.reserve(static_cast<size_t>(manifest.entries_size()));
  for (const ContextEntry& entry : manifest.entries()) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(), [](auto* a, auto* b) { return a->path() < b->path(); });
  ContextBuilder builder;
  for (const ContextEntry* entry : entries) {
    if (Status added = builder.Add(*entry); !added)
      return Forward(std::move(added.error()).WithContext(fmt::format("the context's '{}'", entry->path())));
  }
  return builder.Take();
}

void ClampTimes(image::Tree& tree, int64_t epoch) { Clamp(tree.root(), epoch); }

}  // namespace burrow::builder
