#include "worker/leased_images.h"

#include <future>
#include <memory>
#include <system_error>
#include <utility>

namespace burrow::worker {
namespace {

struct Held {
  imagefs::ImageLease image;
  cas::CacheLease blobs;
};

}  // namespace

// The index tells which blobs are to be held, so it must not go before they are; and they are before an overlay is
// mounted over the image. Both take some milliseconds for a large image that is new here, and nearly nothing for
// others.
Result<imagefs::ImageLease> LeasedImages::DoAcquire(const cas::Digest& index,
                                                    const imagefs::AcquireOptions& options) try {
  cas::CacheLease first = keeper_->LeaseBlobs({index});
  const bool is_new = !keeper_->Remembers(index);
  if (is_new) BURROW_RETURN_IF_ERROR(images_->FetchIndex(index));
  const auto policy = is_new ? std::launch::async : std::launch::deferred;
  auto leased = std::async(policy, [&] { return keeper_->LeaseImage(index); });
  BURROW_ASSIGN_OR_RETURN(imagefs::ImageLease image, images_->Acquire(index, options));
  BURROW_ASSIGN_OR_RETURN(cas::CacheLease blobs, leased.get());
  os::OverlayLower lower = image.lower();
  return imagefs::ImageLease(std::move(lower), std::make_shared<const Held>(std::move(image), std::move(blobs)));
} catch (const std::system_error& error) {
  return Fail(Code::kResourceExhausted, "start a thread: {}", error.what());
}

}  // namespace burrow::worker
