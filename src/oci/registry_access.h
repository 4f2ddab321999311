// Who may speak to a registry: turns its challenges into Authorization headers. Private to this module.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "net/http_client.h"
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
  // The client outlives it.
  RegistryAccess(net::HttpClient& http, RegistryAccessOptions options) : http_(http), options_(std::move(options)) {}

  std::string Header();  // "Authorization: ...", or "" while nothing is known
  // After a 401 to a request that carried `used`. kUnauthenticated where the registry will not have us.
  Status Answer(const std::string& challenge, const std::string& used, const std::function<bool()>& cancelled);

 private:
  Result<std::string> FetchToken(const AuthChallenge& challenge, const std::function<bool()>& cancelled);
  std::string BasicHeader() const;

  net::HttpClient& http_;
  const RegistryAccessOptions options_;
  std::mutex mutex_;
  std::string header_;  // guarded by mutex_
};

}  // namespace burrow::oci
