// Images whose blobs stay in the cache for as long as somebody has them.
#pragma once

#include "cas/cache_keeper.h"
#include "imagefs/image_lease.h"

namespace burrow::worker {

class LeasedImages final : public imagefs::ImageProvider {
 public:
  // Neither is owned; both outlive the leases.
  LeasedImages(imagefs::ImageProvider* images, cas::CacheKeeper* keeper) : images_(images), keeper_(keeper) {}

 private:
  Result<imagefs::ImageLease> DoAcquire(const cas::Digest& index, const imagefs::AcquireOptions& options) override;
  Status DoFetchIndex(const cas::Digest& index) override { return images_->FetchIndex(index); }

  imagefs::ImageProvider* images_;
  cas::CacheKeeper* keeper_;
};

}  // namespace burrow::worker
