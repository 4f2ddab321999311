// The layers of an overlay in the tier erofs. Pure.
#pragma once

#include <string>

#include "cas/cache_layout.h"
#include "imagefs/hook_nodes.h"
#include "os/overlay.h"

namespace burrow::imagefs {

struct ErofsLayers {
  std::string hook;      // mount of the hook connection
  std::string cache;     // of cas::BlobCache
  std::string overflow;  // its overflow directory; empty: none
  bool needs_metacopy = false;

  // Over an image's tree. Content is found in this order: linked blobs, without anybody being asked; the hook, which
  // fetches and says no; all blobs; the error. A recording hears of every first open, so it has no linked blobs.
  os::OverlayLower Over(const std::string& image, const std::string& recording = {}) const {
    const cas::CacheLayout layout(cache);
    os::OverlayLower lower{.directories = {image}, .needs_metacopy = needs_metacopy};
    if (recording.empty()) lower.data_only = {layout.Linked(), hook + "/" + kHookLayer};
    if (!recording.empty()) lower.data_only = {hook + "/" + kRecordingPrefix + recording};
    lower.data_only.push_back(layout.Blobs());
    if (!overflow.empty()) lower.data_only.push_back(overflow);
    lower.data_only.push_back(hook + "/" + kErrorLayer);
    return lower;
  }
};

}  // namespace burrow::imagefs
