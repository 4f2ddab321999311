#include "imagefs/testing/mounted_images.h"

#include <filesystem>

#include "cas/blob_path.h"
#include "cas/cache_layout.h"
#include "cas/http_blob_store.h"

namespace burrow::imagefs::testing {

MountedImages::MountedImages(std::string executable, std::chrono::milliseconds fetch_deadline)
    : executable_(std::move(executable)),
      fetch_deadline_(fetch_deadline),
      remote_(cas::NewHttpBlobStore({.url = server_.url(), .token = server_.token()})) {}
MountedImages::~MountedImages() = default;

Status MountedImages::Start() {
  BURROW_ASSIGN_OR_RETURN(supervisor_, Supervisor::Start({.burrowd = executable_,
                                                          .state_directory = directory_ / "imagefs",
                                                          .cache_directory = directory_ / "cache",
                                                          .blob_url = server_.url(),
                                                          .token = server_.token(),
                                                          .fetch_deadline = fetch_deadline_}));
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

void MountedImages::DropFromCache(const cas::Digest& digest) {
  std::filesystem::remove(cas::CacheLayout(directory_ / "cache").Blobs() + "/" + cas::BlobPath(digest));
}

}  // namespace burrow::imagefs::testing
