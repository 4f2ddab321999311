// What Open accepts can be read everywhere, and encodes to the same bytes again.
// An empty corpus directory, the first argument, is filled with seeds.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cas/frames.h"
#include "image/index.h"
#include "image/tree.h"

namespace {

using burrow::image::Index;
using burrow::image::Tree;
using burrow::image::TreeNode;

Tree SeedTree(uint32_t features) {
  Tree tree;
  for (uint32_t i = 0; i < 3; ++i) {
    TreeNode* directory = *tree.MakeDirectories("/usr/d" + std::to_string(i));
    auto node = std::make_unique<TreeNode>();
    node->inode = std::make_shared<burrow::image::TreeInode>();
    static constexpr uint32_t kTypes[] = {S_IFREG, S_IFLNK, S_IFBLK};
    node->inode->mode = kTypes[(i + features) % 3] | 0644;
    node->inode->target = S_ISLNK(node->inode->mode) ? "../target" : "";
    if (features & 1 && S_ISREG(node->inode->mode)) {
      node->inode->size = 5u << 20;
      node->inode->digest = node->inode->frames = burrow::cas::Digest::Of("x");
    }
    if (features & 1) node->inode->xattrs["user.x"] = "value";
    if (features & 2) {
      auto link = std::make_unique<TreeNode>();
      link->inode = node->inode;
      directory->children["second"] = std::move(link);
    }
    directory->children["first"] = std::move(node);
  }
  return tree;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::error_code ignored;
  const char* corpus = *argc > 1 ? (*argv)[1] : "";
  if (!std::filesystem::is_directory(corpus, ignored) || !std::filesystem::is_empty(corpus, ignored)) return 0;
  for (uint32_t features = 0; features < 4; ++features) {
    std::ofstream(std::filesystem::path(corpus) / ("seed" + std::to_string(features)), std::ios::binary)
        << SeedTree(features).Encode().value();
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto index = Index::Open({data, size});
  if (!index) return 0;
  for (uint32_t number = 0; number < index->inode_count(); ++number) {
    auto inode = index->inode(number);
    if (S_ISREG(inode.mode) && inode.frames.IsZero() != (inode.size < burrow::cas::kFramedFrom)) std::abort();
    if (!S_ISDIR(inode.mode)) continue;
    for (uint32_t i = 0; i < index->entry_count(number); ++i) {
      auto entry = index->entry(number, i);
      if (index->Lookup(number, entry.name) != entry.inode) std::abort();
    }
  }
  auto bytes = Tree::FromIndex(*index)->Encode();
  if (!bytes || std::string_view(*bytes) != std::string_view(reinterpret_cast<const char*>(data), size)) std::abort();
  return 0;
}
