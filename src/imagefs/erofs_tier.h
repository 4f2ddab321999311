// The tier erofs: self-tested, then images as overlay layers.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cas/blob_cache.h"
#include "imagefs/erofs_images.h"
#include "imagefs/erofs_layers.h"
#include "imagefs/image_lease.h"

namespace burrow::imagefs {

struct ErofsTierOptions {
  std::string directory;            // of its own
  cas::BlobCache* cache = nullptr;  // not owned
  ErofsLayers layers;               // needs_metacopy is found out
  std::function<void(const cas::Digest&)> on_loaded;
};

// Any thread.
class ErofsTier {
 public:
  // The error is why this machine cannot have the tier.
  static Result<std::unique_ptr<ErofsTier>> Start(ErofsTierOptions options);

  // Whether it can serve that request at all: an upper directory that is read by itself cannot be had on kernels that
  // need metacopy.
  bool Serves(const AcquireOptions& options) const;
  // kInvalidArgument for an image that EROFS cannot hold.
  Result<ImageLease> Acquire(const cas::Digest& digest, const AcquireOptions& options);
  bool needs_metacopy() const { return layers_.needs_metacopy; }

 private:
  ErofsTier(ErofsLayers layers, std::unique_ptr<ErofsImages> images)
      : layers_(std::move(layers)), images_(std::move(images)) {}

  const ErofsLayers layers_;
  std::unique_ptr<ErofsImages> images_;
};

}  // namespace burrow::imagefs
