#include "builder/scratch_directory.h"

#include "base/log.h"
#include "os/fs.h"

namespace burrow::builder {

Result<ScratchDirectory> ScratchDirectory::Make(std::string path) {
  BURROW_RETURN_IF_ERROR(os::RemoveTree(path));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(path));
  return ScratchDirectory(std::move(path));
}

ScratchDirectory::~ScratchDirectory() {
  if (path_.empty()) return;
  if (auto removed = os::RemoveTree(path_); !removed) LogWarn("{}", removed.error().message());
}

}  // namespace burrow::builder
