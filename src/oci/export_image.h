// An image as an archive that other tools read: an OCI layout or what `docker load` takes.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "cas/blob_store.h"
#include "oci/image_config.h"

namespace burrow::oci {

enum class ExportFormat { kOciLayout, kDockerArchive };

struct ExportOptions {
  ExportFormat format = ExportFormat::kOciLayout;
  std::string name;               // "localhost/tools:latest"; empty: the archive names none
  std::string scratch_directory;  // holds the image's one layer, without a name, until the export is destroyed
};

// Gives the archive's bytes piece by piece; the same image and options give the same bytes. Blocks; one thread at a
// time. The store outlives it.
class ImageExport {
 public:
  // Reads the whole image. kNotFound, kDataLoss from the store; kCancelled after a stop.
  static Result<std::unique_ptr<ImageExport>> Start(const cas::Digest& index, const ImageConfig& config,
                                                    cas::BlobStore& store, ExportOptions options,
                                                    const std::stop_token& stop);
  virtual ~ImageExport() = default;
  // At most about 512 KiB, valid until the next call; empty at the end.
  virtual Result<std::string_view> Next() = 0;
};

}  // namespace burrow::oci
