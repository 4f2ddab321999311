// Real mounts over a loopback blob server, for tests of what readers see.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cas/testing/blob_server.h"
#include "cas/testing/temporary_directory.h"
#include "image/import.h"
#include "imagefs/supervisor.h"

namespace burrow::imagefs::testing {

class MountedImages {
 public:
  // `executable` runs RunImagefs when its arguments are "imagefs --config-fd N".
  explicit MountedImages(std::string executable, TierChoice tier = TierChoice::kFuse,
                         std::chrono::milliseconds fetch_deadline = std::chrono::milliseconds(2'000));
  ~MountedImages();

  Status Start();
  void Stop();
  Supervisor& supervisor() { return *supervisor_; }
  cas::testing::BlobServer& server() { return server_; }
  AccessLog& accesses() { return *accesses_; }
  const cas::CacheCounters& counters() { return signals_->counters(); }
  const cas::testing::TemporaryDirectory& directory() const { return directory_; }
  // A directory to fill, and the image of what it holds then.
  std::string NewSource(const std::string& name);
  cas::Digest Import(const std::string& source);
  // The image as a container sees it, until Stop: an overlay with an upper directory of its own.
  struct Overlay {
    ImageLease image;
    std::string upper;
    os::Mount mount;
  };
  Result<const Overlay*> MountOverlay(const cas::Digest& image, const AcquireOptions& options = {});
  // Its content is forgotten by the node's cache, not by the server.
  void DropFromCache(const cas::Digest& digest);

 private:
  std::string executable_;
  std::chrono::milliseconds fetch_deadline_;
  cas::testing::TemporaryDirectory directory_;
  cas::testing::BlobServer server_;
  std::unique_ptr<cas::BlobStore> remote_;
  std::unique_ptr<Supervisor> supervisor_;
  TierChoice tier_;
  std::shared_ptr<AccessLog> accesses_ = AccessLog::Create().value();
  std::shared_ptr<cas::CacheSignals> signals_ = cas::CacheSignals::Create().value();
  std::vector<std::unique_ptr<Overlay>> overlays_;
  int count_ = 0;
};

}  // namespace burrow::imagefs::testing
