// Paths inside a tree in memory, with its links followed as a process in that root would: they never leave it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/tree.h"

namespace burrow::builder {

// Links that one path may go through; more is taken for a loop.
inline constexpr unsigned kMaxLinks = 40;

// Lexically: absolute, no empty, "." or ".." part, no '/' at the end but of "/" itself. ".." stops at the root.
std::string CleanPath(std::string_view path);
// "/usr/bin" -> "bin", "/" -> "".
std::string BaseName(std::string_view clean_path);
// "/usr/bin" -> "/usr", "/usr" -> "/".
std::string ParentPath(std::string_view clean_path);

// Where a path leads: the nodes from the root to the last one that there is, and the names that are not there yet.
template <class Node>  // image::TreeNode or const image::TreeNode
struct TreePlace {
  std::vector<Node*> nodes;          // never empty
  std::vector<std::string> names;    // of nodes beyond the root
  std::vector<std::string> missing;  // below nodes.back()

  bool exists() const { return missing.empty(); }
  Node& node() const { return *nodes.back(); }  // of what exists
};

enum class LastLink {
  kFollow,
  kKeep,  // the path's own last part may be a link: it is the place
};

// kInvalidArgument where a part is no directory or there are too many links.
template <class Node>
Result<TreePlace<Node>> FindPlace(Node& root, std::string_view path, LastLink last_link = LastLink::kFollow);

struct Ownership {
  uint32_t uid = 0, gid = 0;
};

// Makes the directories that are missing (0755, mtime 0) and gives the last one. kInvalidArgument where something else
// is in the way.
Result<image::TreeNode*> MakePlace(image::TreeNode& root, std::string_view path, Ownership owner);

}  // namespace burrow::builder
