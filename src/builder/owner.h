// --chown: whose the files shall be. Pure but for the reading of the target's files.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "builder/tree_path.h"
#include "image/tree.h"

namespace burrow::builder {

// The whole content of a small regular file.
using ReadFile = std::function<Result<std::string>(const image::TreeInode&)>;

// "user", "user:group", ":group"; names are looked up in the tree's /etc/passwd and /etc/group, numbers are taken as
// they are. Without a group: the user's own of /etc/passwd, or for a number the same number. kInvalidArgument for names
// that are not there.
Result<Ownership> FindOwner(const image::Tree& tree, const std::string& text, const ReadFile& read);

}  // namespace burrow::builder
