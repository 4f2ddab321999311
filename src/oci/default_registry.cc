#include "oci/default_registry.h"

namespace burrow::oci {
namespace {

// Of images that nobody's name stands before.
constexpr std::string_view kOfNobody = "library/";

// Whether it can stand before an image's name.
bool IsRegistry(std::string_view host) { return ParseReference(fmt::format("{}/image", host)).has_value(); }

}  // namespace

Result<DefaultRegistry> ParseDefaultRegistry(std::string_view text) {
  if (text.empty()) return DefaultRegistry{};
  const size_t equals = text.find('=');
  DefaultRegistry registry{.name = std::string(text.substr(0, equals))};
  registry.server = equals == text.npos ? registry.name : std::string(text.substr(equals + 1));
  for (const std::string& host : {registry.name, registry.server}) {
    if (!IsRegistry(host) || host.contains('/'))
      return Fail(Code::kInvalidArgument, "'{}' is no registry: write HOST[:PORT], or NAME=HOST[:PORT]", text);
  }
  return registry;
}

Result<RegistryReference> CompleteReference(const DefaultRegistry& registry, std::string_view text) {
  auto reference = ParseReference(text);
  if (reference || registry.name.empty()) return reference;
  if (text.starts_with(kDockerTransport)) text.remove_prefix(kDockerTransport.size());
  const auto with_host =
      ParseReference(fmt::format("{}/{}{}", registry.name, text.contains('/') ? "" : kOfNobody, text));
  return with_host ? *with_host : std::move(reference);
}

const std::string& ServerOf(const DefaultRegistry& registry, const RegistryReference& reference) {
  return reference.host == registry.name ? registry.server : reference.host;
}

}  // namespace burrow::oci
