#include "oci/manifest.h"

#include <fmt/ranges.h>

#include "oci/json_members.h"

namespace burrow::oci {
namespace {

using nlohmann::json;

constexpr char kReferenceAnnotation[] = "org.opencontainers.image.ref.name";

Result<Descriptor> ParseDescriptor(const json& object) {
  Descriptor descriptor{.media_type = Text(object, "mediaType")};
  BURROW_ASSIGN_OR_RETURN(descriptor.digest, ParseDigest(Text(object, "digest")));
  const json& size = Member(object, "size");
  if (!size.is_number_unsigned()) return Fail(Code::kInvalidArgument, "a blob of the image has no size");
  descriptor.size = size.get<uint64_t>();
  const json& platform = Member(object, "platform");
  if (platform.is_object()) {
    descriptor.platform = Platform{Text(platform, "os"), Text(platform, "architecture"), Text(platform, "variant")};
  }
  descriptor.reference = Text(Member(object, "annotations"), kReferenceAnnotation);
  return descriptor;
}

Result<std::vector<Descriptor>> ParseDescriptors(const json& list, const char* what) {
  if (!list.is_array() || list.size() > kMaxJsonItems) return Fail(Code::kInvalidArgument, "its {} are no list", what);
  std::vector<Descriptor> descriptors;
  for (const json& item : list) {
    BURROW_ASSIGN_OR_RETURN(Descriptor descriptor, ParseDescriptor(item));
    descriptors.push_back(std::move(descriptor));
  }
  return descriptors;
}

std::string Describe(const Platform& platform) {
  std::string text = platform.os + "/" + platform.architecture;
  return platform.variant.empty() ? text : text + "/" + platform.variant;
}

bool Fits(const Platform& offered, const Platform& wanted) {
  bool variants = offered.variant.empty() || wanted.variant.empty() || offered.variant == wanted.variant;
  return offered.os == wanted.os && offered.architecture == wanted.architecture && variants;
}

}  // namespace

Platform OwnPlatform() {
#if defined(__x86_64__)
  return {"linux", "amd64", ""};
#elif defined(__aarch64__)
  return {"linux", "arm64", "v8"};
#else
#error "name this architecture as registries do"
#endif
}

Result<cas::Digest> ParseDigest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  auto digest = text.starts_with(kPrefix) ? cas::Digest::FromHex(text.substr(kPrefix.size())) : std::nullopt;
  if (digest) return *digest;
  return Fail(Code::kInvalidArgument, "'{}' is no SHA-256 digest, the only kind that is understood",
              text.substr(0, 100));
}

Result<ManifestDocument> ParseManifest(std::string_view text) {
  BURROW_ASSIGN_OR_RETURN(json document, ParseJson(text, "the image's manifest"));
  ManifestDocument parsed;
  if (const json& manifests = Member(document, "manifests"); !manifests.is_null()) {
    BURROW_ASSIGN_OR_RETURN(parsed.manifests, ParseDescriptors(manifests, "manifests"));
    if (parsed.manifests.empty()) return Fail(Code::kInvalidArgument, "the list of manifests is empty");
    return parsed;
  }
  const json& version = Member(document, "schemaVersion");
  if (version.is_number_integer() && version.get<int64_t>() == 1) {
    return Fail(Code::kInvalidArgument,
                "the image has a manifest of Docker's schema 1: push it again with a newer tool");
  }
  if (!Member(document, "config").is_object()) return Fail(Code::kInvalidArgument, "this is no manifest of an image");
  BURROW_ASSIGN_OR_RETURN(parsed.config, ParseDescriptor(Member(document, "config")));
  BURROW_ASSIGN_OR_RETURN(parsed.layers, ParseDescriptors(Member(document, "layers"), "layers"));
  return parsed;
}

Result<std::vector<ArchivedImage>> ParseArchiveManifest(std::string_view text) {
  BURROW_ASSIGN_OR_RETURN(json document, ParseJson(text, "the archive's manifest.json"));
  if (!document.is_array() || document.empty() || document.size() > kMaxJsonItems) {
    return Fail(Code::kInvalidArgument, "the archive's manifest.json lists no images");
  }
  std::vector<ArchivedImage> images;
  for (const json& item : document) {
    ArchivedImage image{.config = Text(item, "Config")};
    BURROW_ASSIGN_OR_RETURN(image.layers, Texts(item, "Layers"));
    BURROW_ASSIGN_OR_RETURN(image.tags, Texts(item, "RepoTags"));
    if (image.config.empty()) return Fail(Code::kInvalidArgument, "an image of the archive has no configuration");
    images.push_back(std::move(image));
  }
  return images;
}

Result<Descriptor> ChooseManifest(const std::vector<Descriptor>& manifests, const Platform& platform) {
  std::vector<std::string> offered;
  for (const Descriptor& manifest : manifests) {
    if (!manifest.platform || Fits(*manifest.platform, platform)) return manifest;
    offered.push_back(Describe(*manifest.platform));
  }
  return Fail(Code::kNotFound, "the image is not there for {}, only for {}", Describe(platform),
              fmt::join(offered, ", "));
}

}  // namespace burrow::oci
