#include "worker/leased_images.h"

#include <memory>
#include <utility>

namespace burrow::worker {
namespace {

struct Held {
  imagefs::ImageLease image;
  cas::CacheLease blobs;
};

}  // namespace

// The index is in the cache once the image is there, and no overlay is mounted over it yet. It tells which blobs are to
// be held: so it must not go before they are.
Result<imagefs::ImageLease> LeasedImages::DoAcquire(const cas::Digest& index, const imagefs::AcquireOptions& options) {
  cas::CacheLease first = keeper_->LeaseBlobs({index});
  BURROW_ASSIGN_OR_RETURN(imagefs::ImageLease image, images_->Acquire(index, options));
  BURROW_ASSIGN_OR_RETURN(cas::CacheLease blobs, keeper_->LeaseImage(index));
  os::OverlayLower lower = image.lower();
  return imagefs::ImageLease(std::move(lower), std::make_shared<const Held>(std::move(image), std::move(blobs)));
}

}  // namespace burrow::worker
