// The configuration document of an OCI or Docker image, with Docker's own members. Foreign bytes in, checked values
// out; and back. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cas/digest.h"
#include "oci/image_config.h"

namespace burrow::oci {

struct ConfigDocument {
  ImageConfig config;
  std::vector<cas::Digest> diff_ids;  // of the uncompressed layers, lowest first
};
Result<ConfigDocument> ParseConfig(std::string_view json);

// The document of an image whose files are all in the one layer `diff_id`: of its history, the last entry that changed
// files stands for that layer, the others are marked as empty. Deterministic.
std::string ConfigText(const ImageConfig& config, const cas::Digest& diff_id);

}  // namespace burrow::oci
