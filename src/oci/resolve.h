// From a reference's document to the one manifest for a platform and its configuration.
#pragma once

#include <functional>

#include "oci/image_source.h"
#include "oci/manifest.h"

namespace burrow::oci {

// Gives a document of at most kMaxDocument bytes whose digest is verified.
using DocumentReader = std::function<Result<std::string>(const Descriptor&)>;

struct ResolvedImage {
  SourceImage image;
  std::vector<Descriptor> layers;  // as image.layers
};

// `document` is a manifest or a list of them. kInvalidArgument where manifest and configuration contradict each other.
Result<ResolvedImage> ResolveImage(std::string_view document, const Platform& platform, const DocumentReader& read);

}  // namespace burrow::oci
