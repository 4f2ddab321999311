// Where the tree of an image can be had as an overlay's lower directory, for as long as somebody holds it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "cas/digest.h"
#include "os/overlay.h"

namespace burrow::imagefs {

// An image in use. Copies share it; what `lower` names stays until the last one goes, which must be after every overlay
// over it was unmounted. Any thread; may outlive its provider, whose mounts are then gone.
class ImageLease {
 public:
  ImageLease() = default;
  ImageLease(os::OverlayLower lower, std::shared_ptr<const void> hold)
      : lower_(std::move(lower)), hold_(std::move(hold)) {}

  // The first directory is the image's tree; the rest is for its content.
  const os::OverlayLower& lower() const { return lower_; }

 private:
  os::OverlayLower lower_;
  std::shared_ptr<const void> hold_;
};

struct AcquireOptions {
  // 16 hex digits: first opens of files are told to the recorder under this name, where the tier can. Empty: not.
  std::string record_token;
  // The upper directory will be read by itself, so it must hold all of what was changed (a build step's).
  bool upper_is_read = false;
};

// Thread-safe.
class ImageProvider {
 public:
  virtual ~ImageProvider() = default;
  // Makes the image of that index available. Blocks, up to a fetch deadline where it was never used here.
  Result<ImageLease> Acquire(const cas::Digest& index, const AcquireOptions& options = {}) {
    return DoAcquire(index, options);
  }
  // Brings the index alone into the cache, with which Acquire begins. Blocks likewise.
  Status FetchIndex(const cas::Digest& index) { return DoFetchIndex(index); }

 private:
  virtual Result<ImageLease> DoAcquire(const cas::Digest& index, const AcquireOptions& options) = 0;
  virtual Status DoFetchIndex(const cas::Digest& index) = 0;
};

}  // namespace burrow::imagefs
