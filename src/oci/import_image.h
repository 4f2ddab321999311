// From a source to an index in the store: layers in parallel, each once ever, applied in order.
#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "cas/blob_store.h"
#include "oci/expansion_bounds.h"
#include "oci/image_source.h"
#include "oci/layer_cache.h"

namespace burrow::oci {

// What is done so far. Written by the import, read by anyone.
struct ImportProgress {
  std::atomic<uint32_t> layers = 0;        // of the image; 0 until it is known
  std::atomic<uint32_t> layers_known = 0;  // that were imported before
  std::atomic<uint32_t> layers_done = 0;   // known ones too
  std::atomic<uint64_t> bytes = 0;         // of the layers that are read, as they lie in the source
  std::atomic<uint64_t> bytes_done = 0;
};

// Nothing is owned; everything outlives the import.
struct ImportServices {
  cas::BlobStore* store = nullptr;
  LayerCache* layers = nullptr;
  std::string scratch_directory;  // for files without a name, gone when they are closed
  ExpansionBounds bounds;         // of each layer
  // Whether a recorded image has this index: then all its blobs are there. Thread-safe.
  std::function<bool(const cas::Digest&)> is_recorded;
};

struct ImportedImage {
  cas::Digest index;
  ImageConfig config;
  uint64_t files = 0, bytes = 0;          // regular files of the image
  uint64_t new_blobs = 0, new_bytes = 0;  // that the store lacked
  // Layers that the source left out and that are not known, as the source calls them. Not empty: there is no image.
  std::vector<std::string> wanted;
};

// Blocks. kCancelled after a stop. After a failure there is no image; blobs that were stored by then are left to the
// store's garbage collection.
Result<ImportedImage> ImportImage(ImageSource& source, const ImportServices& services, ImportProgress& progress,
                                  const std::stop_token& stop);

}  // namespace burrow::oci
