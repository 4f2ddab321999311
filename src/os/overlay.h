// Overlay mounts. Blocking; any thread. Made in the caller's mount namespace.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "os/mount.h"

namespace burrow::os {

// What an overlay shows below its upper directory. The directories must stay as long as the overlay is mounted.
struct OverlayLower {
  std::vector<std::string> directories;  // topmost first; at least one
  // Searched in this order, when a file is first opened, for content that a lower directory's file only names
  // (trusted.overlay.metacopy and an absolute trusted.overlay.redirect). Not visible otherwise. Linux 6.5.
  std::vector<std::string> data_only;
  // Linux before 6.16 finds that content with metacopy and redirect_dir only. The upper directory is then not readable
  // by itself: a file in it may lack its content, a directory may be a renamed one from below.
  bool needs_metacopy = false;
  // Directories of lower layers can be renamed. The upper directory is then no tree by itself either.
  bool renames_directories = false;
};

struct OverlayOptions {
  OverlayLower lower;
  std::string upper, work;  // on one filesystem, both existing; both empty: the overlay is read-only
};
// Renaming a lower directory is EXDEV unless one of the two last members of `lower` is set. Characters that overlay
// would split paths at (':' ',' '\\') are escaped. kInvalidArgument where the kernel does not know what is asked for;
// the message holds its reason.
Result<Mount> MountOverlay(const OverlayOptions& options, const std::string& target);

}  // namespace burrow::os
