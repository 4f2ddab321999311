// Patterns of COPY over a tree. Private to this module. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/tree.h"

namespace burrow::builder {

struct GlobMatch {
  std::string path;                       // as it was named: CleanPath's form, links not followed
  const image::TreeNode* node = nullptr;  // behind the links that the path's end is; of the tree
};

// What the pattern names, in order of names. Links are followed in front of the first wildcard and at the end; what
// wildcards match in between must be directories. kNotFound where a pattern without wildcards, or a link that it
// matches, leads to nothing; kInvalidArgument for a bad pattern or a loop.
Result<std::vector<GlobMatch>> Glob(const image::Tree& tree, std::string_view pattern);

}  // namespace burrow::builder
