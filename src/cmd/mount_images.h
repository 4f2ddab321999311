// What a worker has for images, for one mount by hand: cache with its keeper, imagefs, prefetch and recording.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "cas/blob_cache.h"
#include "cas/blob_store.h"
#include "cas/cache_keeper.h"
#include "cas/cache_signals.h"
#include "cas/prefetch.h"
#include "imagefs/access_log.h"
#include "imagefs/image_lease.h"
#include "imagefs/supervisor.h"
#include "os/mount.h"
#include "worker/leased_images.h"
#include "worker/prefetcher.h"

namespace burrow::cmd {

struct MountImagesOptions {
  std::string state_directory;  // exists; nothing else uses it
  std::string control_url, token;
  imagefs::TierChoice tier = imagefs::TierChoice::kAuto;
  std::chrono::milliseconds fetch_deadline{30'000};
};

// One thread; calls block.
class MountImages {
 public:
  static Result<std::unique_ptr<MountImages>> Start(MountImagesOptions options);

  // The image, which is being recorded from here on where `record` is set; only once.
  Result<imagefs::ImageLease> Acquire(const cas::Digest& index, bool record);
  // Fetches these in the background.
  void Prefetch(const cas::Digest& index, std::vector<cas::HotBlob> blobs);
  // Ends the recording: files of the image that were read, in that order.
  Result<std::vector<cas::HotBlob>> FinishRecording();
  // One line of JSON: what the cache counted.
  std::string Counters() const;

 private:
  explicit MountImages(MountImagesOptions options) : options_(std::move(options)) {}
  Status OpenCache();
  Status StartImagefs();
  std::vector<std::string> BlobDirectories() const;

  MountImagesOptions options_;
  SystemClock clock_;
  cas::Digest index_;
  os::Mount overflow_;
  std::unique_ptr<cas::BlobStore> store_;
  std::shared_ptr<cas::CacheSignals> signals_;
  std::shared_ptr<imagefs::AccessLog> accesses_;
  std::unique_ptr<cas::CacheKeeper> keeper_;
  std::unique_ptr<cas::BlobCache> cache_;
  std::unique_ptr<imagefs::Supervisor> images_;
  std::unique_ptr<worker::LeasedImages> leased_images_;
  std::unique_ptr<worker::Prefetcher> prefetcher_;
};

// A hot set as text: a line "<digest> <bytes>" for each blob, in order, and the numbers of the frames that were read.
std::string FormatHotSet(const std::vector<cas::HotBlob>& blobs);
Result<std::vector<cas::HotBlob>> ParseHotSet(std::string_view text);

}  // namespace burrow::cmd
