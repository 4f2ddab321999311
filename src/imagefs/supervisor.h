// Starts the node's `burrowd imagefs` process and keeps it alive. The worker, in its own mount namespace, owns the
// mounts and the /dev/fuse descriptors, so that a crashed imagefs is replaced without killing a mount: the new process
// gets the same descriptors, loads the same images in the same order, and answers first what the last one had read and
// not answered (request_slots.h).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "cas/cache_signals.h"
#include "cas/digest.h"
#include "cas/prefetch.h"
#include "imagefs/access_log.h"
#include "imagefs/image_lease.h"
#include "imagefs/tier.h"

namespace burrow::imagefs {

struct SupervisorOptions {
  std::string burrowd;             // path of the executable to start as "burrowd imagefs"
  std::string state_directory;     // mount points, journals of loaded images; nothing else, what is mounted below is
                                   // unmounted at Start
  std::string cache_directory;     // of cas::BlobCache
  std::string blob_url;            // control's HTTP address
  std::string token;               // handed over by descriptor, never by argument
  std::string overflow_directory;  // of cas::BlobCache; empty: none
  std::shared_ptr<cas::CacheSignals> signals;  // of the cache's keeper; null: nobody evicts
  std::shared_ptr<AccessLog> accesses;         // where imagefs notes what is read; null: nowhere
  TierChoice tier = TierChoice::kAuto;
  std::chrono::milliseconds fetch_deadline{30'000};  // of one blob; then a read fails with EIO
  std::chrono::milliseconds longest_pause{5'000};    // until a process that ends again and again is started again
};

class Supervisor final : public ImageProvider {
 public:
  // Checks /dev/fuse (kFailedPrecondition with what to do), mounts, starts the process and waits until it serves; then
  // chooses the tier by a self-test. kFailedPrecondition where TierChoice::kErofs cannot be had.
  static Result<std::unique_ptr<Supervisor>> Start(SupervisorOptions options);
  ~Supervisor() override;  // unmounts, ends the process

  Tier tier() const;  // that was chosen
  int pid() const;    // of the serving process, for diagnostics and tests
  uint64_t restarts() const;

  // Makes the frames of a large file of the image be there for its readers, one after the other, and ends early with
  // kCancelled where `ended` says so. kFailedPrecondition in tier fuse; kNotFound where the whole file is there.
  // Blocks.
  Status ReadFrames(const cas::Digest& index, const cas::HotBlob& blob, const std::function<bool()>& ended);

 private:
  // The index is fetched and verified first. A second call for the same image costs one request to the process.
  Result<ImageLease> DoAcquire(const cas::Digest& index, const AcquireOptions& options) override;
  Status DoFetchIndex(const cas::Digest& index) override;

  struct State;
  explicit Supervisor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::imagefs
