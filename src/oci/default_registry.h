// The registry of images that name none, as "debian:12" in a Dockerfile. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "oci/registry_reference.h"

namespace burrow::oci {

struct DefaultRegistry {
  std::string name;    // that references have; empty: there is none, and every reference must name its registry
  std::string server;  // HOST[:PORT] that answers for the name
};

// "NAME" or "NAME=SERVER", where a registry's images have another host's name; empty: none. kInvalidArgument.
Result<DefaultRegistry> ParseDefaultRegistry(std::string_view text);

// The reference with its registry: "debian:12" is "NAME/library/debian:12", "team/image" is "NAME/team/image", as
// Docker has it; others are as they were. kInvalidArgument for what is no reference then, either.
Result<RegistryReference> CompleteReference(const DefaultRegistry& registry, std::string_view text);

// The host to ask for what the reference names.
const std::string& ServerOf(const DefaultRegistry& registry, const RegistryReference& reference);

}  // namespace burrow::oci
