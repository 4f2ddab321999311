#include "builder/working_directory.h"

namespace burrow::builder {

Status MakeWorkingDirectory(image::Tree& tree, std::string_view path, Ownership owner) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos)
    return Fail(Code::kInvalidArgument, "the working directory '{}' is not absolute", path);
  BURROW_RETURN_IF_ERROR(MakePlace(tree.root(), CleanPath(path), owner));
  return {};
}

}  // namespace burrow::builder
