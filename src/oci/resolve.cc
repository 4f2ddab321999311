#include "oci/resolve.h"

#include "oci/config_document.h"

namespace burrow::oci {
namespace {

constexpr int kMaxLists = 4;  // of lists inside lists

}  // namespace

Result<ResolvedImage> ResolveImage(std::string_view document, const Platform& platform, const DocumentReader& read) {
  BURROW_ASSIGN_OR_RETURN(ManifestDocument manifest, ParseManifest(document));
  for (int depth = 0; !manifest.manifests.empty(); ++depth) {
    if (depth == kMaxLists) return Fail(Code::kInvalidArgument, "lists of manifests are nested too deep");
    BURROW_ASSIGN_OR_RETURN(Descriptor chosen, ChooseManifest(manifest.manifests, platform));
    BURROW_ASSIGN_OR_RETURN(std::string text, read(chosen));
    BURROW_ASSIGN_OR_RETURN(manifest, ParseManifest(text));
  }
  BURROW_ASSIGN_OR_RETURN(std::string text, read(manifest.config));
  BURROW_ASSIGN_OR_RETURN(ConfigDocument config, ParseConfig(text));
  if (config.diff_ids.size() != manifest.layers.size()) {
    return Fail(Code::kInvalidArgument,
                "the manifest has {} layers and the configuration {}: this is no container image",
                manifest.layers.size(), config.diff_ids.size());
  }
  ResolvedImage resolved{.image = {.config = std::move(config.config)}, .layers = std::move(manifest.layers)};
  for (size_t i = 0; i < resolved.layers.size(); ++i) {
    resolved.image.layers.push_back({config.diff_ids[i], resolved.layers[i].size});
  }
  return resolved;
}

}  // namespace burrow::oci
