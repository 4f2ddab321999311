// What control does to trees itself, without a container. Blocks; any thread but the loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "base/error.h"
#include "builder/file_copy.h"
#include "cas/blob_store.h"
#include "control/step_cache.h"
#include "control/url_download.h"
#include "image/tree.h"

namespace burrow::control {

struct TreeOptions {
  std::optional<int64_t> source_date_epoch;  // seconds: no file is younger afterwards
  std::stop_token stop;
};

class TreeWork {
 public:
  // Nothing is owned. Large files are unpacked and downloaded by way of `scratch_directory`.
  TreeWork(cas::BlobStore& blobs, std::string scratch_directory)
      : blobs_(blobs), scratch_directory_(std::move(scratch_directory)) {}

  // kNotFound, kDataLoss from the store.
  Result<image::Tree> Load(const lpb::Image& image) const;
  // Stores the tree as the image's; everything that its files need is there.
  Result<BuiltTree> Store(image::Tree& tree, lpb::Image image, const TreeOptions& options) const;
  // The tree of a ContextManifest in JSON, whose files were uploaded before; kFailedPrecondition names one that was
  // not.
  Result<cas::Digest> StoreContext(const cas::Digest& manifest) const;
  builder::CopyServices CopyServices(const TreeOptions& options) const;

  // Fetches a URL of ADD: the name that its file gets, and the file. `checksum`: "sha256:...", or empty.
  Result<std::pair<std::string, image::TreeInode>> Download(const std::string& url, const std::string& checksum,
                                                            const DownloadLimits& limits) const;

 private:
  cas::BlobStore& blobs_;
  std::string scratch_directory_;
};

}  // namespace burrow::control
