// An image in a registry.
#pragma once

#include <memory>
#include <string>

#include "oci/image_source.h"
#include "oci/registry_client.h"

namespace burrow::oci {

// Layers are downloaded to files without a name in `scratch_directory`, verified, and read from there.
std::unique_ptr<ImageSource> NewRegistrySource(const RegistryReference& reference, RegistryOptions options,
                                               std::string scratch_directory);

}  // namespace burrow::oci
