// Names of images in registries, and what registries say about access. Foreign text; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cas/digest.h"

namespace burrow::oci {

struct RegistryReference {
  std::string host;        // "localhost:5000"
  std::string repository;  // "team/python"
  std::string tag;         // empty where there is a digest
  std::optional<cas::Digest> digest;

  std::string Version() const { return digest ? "sha256:" + digest->Hex() : tag; }
  std::string Text() const { return host + "/" + repository + (digest ? "@" : ":") + Version(); }
};

// That may stand before a reference, where other places are named alike.
inline constexpr std::string_view kDockerTransport = "docker://";

// "[docker://]HOST[:PORT]/REPOSITORY[:TAG][@sha256:...]"; the tag is "latest" where nothing else is said.
// kInvalidArgument for what a registry cannot have, and for names without a host: Burrow has no registry of its own.
Result<RegistryReference> ParseReference(std::string_view text);

// Whether the host is this machine, whose registries are spoken to without TLS.
bool IsLoopback(std::string_view host);

// What a WWW-Authenticate header asks for.
struct AuthChallenge {
  enum class Scheme { kNone, kBasic, kBearer };
  Scheme scheme = Scheme::kNone;
  std::string realm, service, scope;
};
AuthChallenge ParseChallenge(std::string_view header);

// Percent-encodes everything but unreserved characters.
std::string EncodeQuery(std::string_view text);

// "user:password" as basic authentication sends it.
std::string EncodeBase64(std::string_view text);

// Parts of an absolute http or https address. kInvalidArgument for other schemes and addresses with credentials.
struct UrlParts {
  bool secure = false;
  std::string authority;  // "host:port"
  std::string rest;       // "/path?query"
};
Result<UrlParts> ParseUrl(std::string_view url);

}  // namespace burrow::oci
