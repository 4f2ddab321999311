// Who may speak to a registry: turns its challenges into Authorization headers. Private to this module.
#pragma once

#include <mutex>
#include <string>

#include "oci/registry_http.h"
#include "oci/registry_reference.h"

namespace burrow::oci {

struct RegistryAccessOptions {
  std::string username, password;  // empty: anonymous
  std::string scope;               // "repository:team/python:pull"
  bool secure = true;              // the registry's own scheme: tokens are then fetched by https alone
};

// Thread-safe. Blocks while it fetches a token.
class RegistryAccess {
 public:
  explicit RegistryAccess(RegistryAccessOptions options) : options_(std::move(options)) {}

  std::string Header();  // "Authorization: ...", or "" while nothing is known
  // After a 401 to a request that carried `used`. kUnauthenticated where the registry will not have us.
  Status Answer(const std::string& challenge, const std::string& used, RegistryHttp::Wait& wait);

 private:
  Result<std::string> FetchToken(const AuthChallenge& challenge, RegistryHttp::Wait& wait);
  std::string BasicHeader() const;

  const RegistryAccessOptions options_;
  std::mutex mutex_;
  std::string header_;  // guarded by mutex_
};

}  // namespace burrow::oci
