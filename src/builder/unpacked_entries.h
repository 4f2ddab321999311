// What ADD does with an archive's entries. Private to this module. Pure.
#pragma once

#include <optional>
#include <vector>

#include "base/error.h"
#include "builder/tree_path.h"
#include "image/tree.h"

namespace burrow::builder {

// Lays the entries below `directory` as tar would with it as root: links in their way are followed inside it, also
// those that the archive itself brings; what is at an entry's own place is replaced, but directories merge. Entries
// keep their owner unless one is given; parents that the archive does not have belong to root. kInvalidArgument for
// entries that contradict the tree or that no archive has.
Status PutUnpacked(image::TreeNode& directory, const std::vector<image::UpperEntry>& entries,
                   const std::optional<Ownership>& owner);

}  // namespace burrow::builder
