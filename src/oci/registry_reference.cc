#include "oci/registry_reference.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/ascii.h"

namespace burrow::oci {
namespace {

constexpr size_t kMaxHost = 255, kMaxRepository = 255, kMaxTag = 128;

bool IsHost(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHost && IsLetterOrDigit(text.front()) && IsLetterOrDigit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return IsLetterOrDigit(c) || c == '.' || c == '-' || c == ':'; });
}

bool IsRepository(std::string_view text) {
  if (text.empty() || text.size() > kMaxRepository) return false;
  while (!text.empty()) {
    std::string_view part = text.substr(0, text.find('/'));
    bool good = !part.empty() && IsLowerOrDigit(part.front()) && IsLowerOrDigit(part.back()) &&
                std::ranges::all_of(part, [](char c) { return IsLowerOrDigit(c) || c == '.' || c == '-' || c == '_'; });
    if (!good || part.size() + 1 == text.size()) return false;
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return true;
}

bool IsTag(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTag && (IsLetterOrDigit(text.front()) || text.front() == '_') &&
         std::ranges::all_of(text, [](char c) { return IsLetterOrDigit(c) || c == '.' || c == '-' || c == '_'; });
}

// Splits at the host where there is one: a first part with a dot or a port, or "localhost".
bool TakeHost(std::string_view& rest, std::string& host) {
  size_t slash = rest.find('/');
  if (slash == rest.npos) return false;
  std::string_view first = rest.substr(0, slash);
  if (first.find_first_of(".:") == first.npos && first != "localhost") return false;
  host = first;
  rest.remove_prefix(slash + 1);
  return true;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, ToLower, ToLower);
}

// Takes `name=value` or `name="value"` and the comma after it.
bool TakeParameter(std::string_view& rest, std::string_view& name, std::string& value) {
  size_t equals = rest.find('=');
  if (equals == rest.npos) return false;
  name = Trim(rest.substr(0, equals));
  rest.remove_prefix(equals + 1);
  value.clear();
  if (rest.starts_with('"')) {
    rest.remove_prefix(1);
    while (!rest.empty() && rest.front() != '"') {
      if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
      value += rest.front();
      rest.remove_prefix(1);
    }
    if (rest.empty()) return false;
  } else {
    value = Trim(rest.substr(0, rest.find(',')));
  }
  size_t comma = rest.find(',');
  rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
  return true;
}

}  // namespace

Result<RegistryReference> ParseReference(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with(kDockerTransport)) rest.remove_prefix(kDockerTransport.size());
  RegistryReference reference;
  if (!TakeHost(rest, reference.host)) {
    return Fail(Code::kInvalidArgument, "'{}' does not name its registry: write HOST/NAME[:TAG]", text);
  }
  if (size_t at = rest.find('@'); at != rest.npos) {
    std::string_view digest = rest.substr(at + 1);
    constexpr std::string_view kAlgorithm = "sha256:";
    if (digest.starts_with(kAlgorithm)) reference.digest = cas::Digest::FromHex(digest.substr(kAlgorithm.size()));
    if (!reference.digest) return Fail(Code::kInvalidArgument, "'{}' has no SHA-256 digest after its '@'", text);
    rest = rest.substr(0, at);
  }
  size_t colon = rest.rfind(':');
  bool tagged = colon != rest.npos;
  reference.repository = rest.substr(0, colon);
  if (!reference.digest) reference.tag = tagged ? rest.substr(colon + 1) : "latest";
  bool tag_fits = reference.digest ? !tagged || IsTag(rest.substr(colon + 1)) : IsTag(reference.tag);
  if (!IsHost(reference.host) || !IsRepository(reference.repository) || !tag_fits) {
    return Fail(Code::kInvalidArgument, "'{}' is no name of an image: write HOST/NAME[:TAG]", text);
  }
  return reference;
}

bool IsLoopback(std::string_view host) {
  std::string_view name = host.substr(0, host.rfind(':'));
  return name == "localhost" || name == "127.0.0.1" ||
         (name.starts_with("127.") && name.find_first_not_of("0123456789.") == name.npos);
}

AuthChallenge ParseChallenge(std::string_view header) {
  AuthChallenge challenge;
  header = Trim(header);
  size_t space = header.find(' ');
  std::string_view scheme = header.substr(0, space);
  if (EqualIgnoringCase(scheme, "Basic")) challenge.scheme = AuthChallenge::Scheme::kBasic;
  if (EqualIgnoringCase(scheme, "Bearer")) challenge.scheme = AuthChallenge::Scheme::kBearer;
  std::string_view rest = space == header.npos ? std::string_view() : header.substr(space + 1);
  std::string_view name;
  for (std::string value; TakeParameter(rest, name, value);) {
    if (EqualIgnoringCase(name, "realm")) challenge.realm = value;
    if (EqualIgnoringCase(name, "service")) challenge.service = value;
    if (EqualIgnoringCase(name, "scope")) challenge.scope = value;
  }
  return challenge;
}

std::string EncodeQuery(std::string_view text) {
  std::string encoded;
  for (char c : text) {
    if (IsLetterOrDigit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::string EncodeBase64(std::string_view text) {
  std::string encoded((text.size() + 2) / 3 * 4 + 1, '\0');
  int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                             reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<size_t>(size));
  return encoded;
}

Result<UrlParts> ParseUrl(std::string_view url) {
  UrlParts parts;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    parts.secure = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return Fail(Code::kInvalidArgument, "the registry names an address that is no http address");
  }
  size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  parts.authority = rest.substr(0, end);
  parts.rest = rest.substr(end);
  bool plain = std::ranges::all_of(url, [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain || parts.authority.empty() || parts.authority.find('@') != std::string::npos) {
    return Fail(Code::kInvalidArgument, "the registry names an address that cannot be used");
  }
  return parts;
}

}  // namespace burrow::oci
