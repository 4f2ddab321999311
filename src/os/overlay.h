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
};

struct OverlayOptions {
  OverlayLower lower;
  std::string upper, work;  // on one filesystem, both existing; both empty: the overlay is read-only
  // metacopy and redirect_dir. With them off, `upper` is readable by itself: no file in it lacks its content, and a
  // renamed lower directory is EXDEV.
  bool upper_may_refer_below = false;
};
// Characters that overlay would split paths at (':' ',' '\\') are escaped. kInvalidArgument where the kernel does not
// know what is asked for; the message holds its reason.
Result<Mount> MountOverlay(const OverlayOptions& options, const std::string& target);

}  // namespace burrow::os
