// WORKDIR in a tree. Pure.
#pragma once

#include <string_view>

#include "base/error.h"
#include "builder/tree_path.h"
#include "image/tree.h"

namespace burrow::builder {

// Makes the directory (0755, the owner's, and its parents the same) where it is not there; what is there stays as it
// is. Links of the tree are followed inside it. kInvalidArgument for a path that is not absolute or leads through what
// is no directory.
Status MakeWorkingDirectory(image::Tree& tree, std::string_view path, Ownership owner = {});

}  // namespace burrow::builder
