#include "imagefs/testing/mounted_images.h"

#include <filesystem>

#include "cas/blob_path.h"
#include "cas/cache_layout.h"
#include "cas/http_blob_store.h"
#include "os/attributes.h"

namespace burrow::imagefs::testing {
namespace {

constexpr std::chrono::milliseconds kLongestPause{20};  // tests kill often

}  // namespace

MountedImages::MountedImages(std::string executable, TierChoice tier, std::chrono::milliseconds fetch_deadline)
    : executable_(std::move(executable)),
      fetch_deadline_(fetch_deadline),
      remote_(cas::NewHttpBlobStore({.url = server_.url(), .token = server_.token()})),
      tier_(tier) {}
MountedImages::~MountedImages() { Stop(); }

void MountedImages::Stop() {
  overlays_.clear();
  supervisor_.reset();
}

Status MountedImages::Start() {
  BURROW_ASSIGN_OR_RETURN(supervisor_, Supervisor::Start({.burrowd = executable_,
                                                          .state_directory = directory_ / "imagefs",
                                                          .cache_directory = directory_ / "cache",
                                                          .blob_url = server_.url(),
                                                          .token = server_.token(),
                                                          .signals = signals_,
                                                          .accesses = accesses_,
                                                          .tier = tier_,
                                                          .fetch_deadline = fetch_deadline_,
                                                          .longest_pause = kLongestPause}));
  return {};
}

std::string MountedImages::NewSource(const std::string& name) {
  std::string path = directory_ / name;
  std::filesystem::create_directories(path);
  return path;
}

cas::Digest MountedImages::Import(const std::string& source) {
  image::Tree tree = image::ImportDirectory(source, *remote_, nullptr).value();
  return image::PutIndex(tree, *remote_).value();
}

Result<const MountedImages::Overlay*> MountedImages::MountOverlay(const cas::Digest& image,
                                                                  const AcquireOptions& options) {
  auto overlay = std::make_unique<Overlay>();
  BURROW_ASSIGN_OR_RETURN(overlay->image, supervisor_->Acquire(image, options));
  const std::string own = NewSource(fmt::format("overlay{}", ++count_));
  overlay->upper = own + "/upper";
  for (const char* name : {"/upper", "/work", "/root"}) std::filesystem::create_directories(own + name);
  BURROW_RETURN_IF_ERROR(os::CopyDirectoryAttributes(overlay->image.lower().directories.front(), overlay->upper));
  BURROW_ASSIGN_OR_RETURN(
      overlay->mount,
      os::MountOverlay({.lower = overlay->image.lower(), .upper = overlay->upper, .work = own + "/work"},
                       own + "/root"));
  overlays_.push_back(std::move(overlay));
  return overlays_.back().get();
}

void MountedImages::DropFromCache(const cas::Digest& digest) {
  const cas::CacheLayout layout(directory_ / "cache");
  for (const std::string& directory : {layout.Linked(), layout.Blobs()}) {
    std::filesystem::remove(directory + "/" + cas::BlobPath(digest));
  }
}

}  // namespace burrow::imagefs::testing
