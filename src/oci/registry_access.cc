#include "oci/registry_access.h"

#include <nlohmann/json.hpp>

namespace burrow::oci {
namespace {

constexpr uint64_t kMaxTokenAnswer = 1u << 20;

Error Refused(bool anonymous) {
  return {Code::kUnauthenticated, anonymous
                                      ? "the registry wants a login: run `docker login` (or `podman login`) for it"
                                      : "the registry refuses the login: run `docker login` for it again"};
}

Result<std::string> TokenIn(const std::string& answer) {
  auto document = nlohmann::json::parse(answer, nullptr, /*allow_exceptions=*/false);
  for (const char* name : {"token", "access_token"}) {
    if (!document.is_object()) break;
    auto found = document.find(name);
    if (found == document.end() || !found->is_string()) continue;
    auto token = found->get<std::string>();
    bool clean = !token.empty() && token.find_first_of(" \r\n\t") == std::string::npos;
    if (clean) return token;
  }
  return Fail(Code::kUnauthenticated, "the registry's login service gives no token");
}

}  // namespace

std::string RegistryAccess::Header() {
  std::lock_guard lock(mutex_);
  return header_;
}

std::string RegistryAccess::BasicHeader() const {
  return "Authorization: Basic " + EncodeBase64(options_.username + ":" + options_.password);
}

Status RegistryAccess::Answer(const std::string& header, const std::string& used, RegistryHttp::Wait& wait) {
  std::lock_guard lock(mutex_);    // others wait for the one token
  if (header_ != used) return {};  // somebody else got one meanwhile
  AuthChallenge challenge = ParseChallenge(header);
  bool anonymous = options_.username.empty();
  if (challenge.scheme == AuthChallenge::Scheme::kBasic && !anonymous && used.empty()) {
    header_ = BasicHeader();
    return {};
  }
  if (challenge.scheme != AuthChallenge::Scheme::kBearer) return Forward(Refused(anonymous));
  BURROW_ASSIGN_OR_RETURN(std::string token, FetchToken(challenge, wait));
  header_ = "Authorization: Bearer " + token;
  return {};
}

Result<std::string> RegistryAccess::FetchToken(const AuthChallenge& challenge, RegistryHttp::Wait& wait) {
  BURROW_ASSIGN_OR_RETURN(UrlParts realm, ParseUrl(challenge.realm));
  if (options_.secure && !realm.secure) {
    return Fail(Code::kUnauthenticated, "the registry's login service is not encrypted: no password is sent there");
  }
  net::HttpRequest request{.url = challenge.realm};
  request.url += realm.rest.find('?') == std::string::npos ? "?" : "&";
  if (!challenge.service.empty()) request.url += "service=" + EncodeQuery(challenge.service) + "&";
  request.url += "scope=" + EncodeQuery(challenge.scope.empty() ? options_.scope : challenge.scope);
  if (!options_.username.empty()) request.headers.push_back(BasicHeader());
  request.body_limit = kMaxTokenAnswer;
  BURROW_ASSIGN_OR_RETURN(auto response, wait.Perform(std::move(request)));
  if (response.status == 401 || response.status == 403) return Forward(Refused(options_.username.empty()));
  if (response.status != 200) {
    return Fail(Code::kUnavailable, "the registry's login service answers {}", response.status);
  }
  return TokenIn(response.body);
}

}  // namespace burrow::oci
