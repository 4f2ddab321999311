#include "imagefs/erofs_tier.h"

#include <utility>

#include "base/log.h"
#include "imagefs/erofs_probe.h"

namespace burrow::imagefs {
namespace {

constexpr std::chrono::milliseconds kRoomDeadline{10'000};

// Without metacopy where that works, since the upper directory is then readable by itself (Linux 6.16).
Status ChooseLayers(const ErofsTierOptions& options, ErofsLayers& layers) {
  SelfTestOptions test{.directory = options.directory + "/self-test", .cache = options.cache, .layers = layers};
  Status without = TestErofsTier(test);
  if (without) return without;
  test.layers.needs_metacopy = true;
  if (!TestErofsTier(test)) return without;
  LogInfo("overlays need metacopy here: {}", without.error().message());
  layers.needs_metacopy = true;
  return {};
}

}  // namespace

Result<std::unique_ptr<ErofsTier>> ErofsTier::Start(ErofsTierOptions options) {
  ErofsLayers layers = options.layers;
  BURROW_RETURN_IF_ERROR(ChooseLayers(options, layers));
  BURROW_ASSIGN_OR_RETURN(
      auto images,
      ErofsImages::Open(
          {.directory = options.directory + "/images",
           .load = [cache = options.cache](const cas::Digest& digest) { return image::LoadIndex(*cache, digest); },
           .make_room = [cache =
                             options.cache](uint64_t bytes) { return cache->signals().MakeRoom(bytes, kRoomDeadline); },
           .on_loaded = std::move(options.on_loaded)}));
  return std::unique_ptr<ErofsTier>(new ErofsTier(std::move(layers), std::move(images)));
}

bool ErofsTier::Serves(const AcquireOptions& options) const {
  return !(layers_.needs_metacopy && options.upper_is_read);
}

Result<ImageLease> ErofsTier::Acquire(const cas::Digest& digest, const AcquireOptions& options) {
  BURROW_ASSIGN_OR_RETURN(ErofsImages::Held held, images_->Acquire(digest));
  os::OverlayLower lower = layers_.Over(held.directory, options.record_token);
  lower.renames_directories = !options.upper_is_read;
  return ImageLease(std::move(lower), std::move(held.hold));
}

}  // namespace burrow::imagefs
