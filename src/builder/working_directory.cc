#include "builder/working_directory.h"

#include "builder/tree_path.h"

namespace burrow::builder {

Status MakeWorkingDirectory(image::Tree& tree, std::string_view path) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos)
    return Fail(Code::kInvalidArgument, "the working directory '{}' is not absolute", path);
  BURROW_RETURN_IF_ERROR(MakePlace(tree.root(), CleanPath(path), {}));
  return {};
}

}  // namespace burrow::builder
