// The JSON documents of OCI and Docker images. Foreign bytes in, checked values out. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cas/digest.h"

namespace burrow::oci {

inline constexpr uint64_t kMaxDocument = 8u << 20;  // of JSON; more is refused before it is read

struct Platform {
  std::string os, architecture, variant;
};
// "linux/amd64" as registries call the machine that this was built for.
Platform OwnPlatform();

// What a document says of another blob.
struct Descriptor {
  std::string media_type;
  cas::Digest digest;
  uint64_t size = 0;
  std::optional<Platform> platform;
  std::string reference;  // the tag in an OCI layout
};

// A manifest, or a list of manifests for several platforms: one of the two.
struct ManifestDocument {
  Descriptor config;
  std::vector<Descriptor> layers;     // lowest first
  std::vector<Descriptor> manifests;  // not empty: a list
};
// kInvalidArgument for what is neither, for Docker's schema 1 and for digests other than SHA-256.
Result<ManifestDocument> ParseManifest(std::string_view json);

// One image of `docker save`: names of the archive's members.
struct ArchivedImage {
  std::string config;
  std::vector<std::string> layers;  // lowest first
  std::vector<std::string> tags;
};
Result<std::vector<ArchivedImage>> ParseArchiveManifest(std::string_view json);

// The manifest for the platform: same system and architecture, and the variant if both name one. kNotFound, naming
// those that there are.
Result<Descriptor> ChooseManifest(const std::vector<Descriptor>& manifests, const Platform& platform);

// "sha256:<64 hex digits>".
Result<cas::Digest> ParseDigest(std::string_view text);

}  // namespace burrow::oci
