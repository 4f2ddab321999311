// One repository of a registry, by the OCI distribution protocol. Blocking; thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "oci/manifest.h"
#include "oci/registry_http.h"
#include "oci/registry_reference.h"

namespace burrow::oci {

struct RegistryOptions {
  std::string username, password;  // empty: anonymous
  std::string server;              // HOST[:PORT] to ask; empty: the one that the reference names
  bool plain_http = false;         // also for registries that are not on this machine
  // A request that fails for a passing reason (refused, reset, stalled, 429, 5xx) is tried again with back-off until
  // nothing came in for patience.whole.
  RegistryPatience patience;
  std::chrono::milliseconds first_pause{200};  // doubles
};

class RegistryClient {
 public:
  RegistryClient(const RegistryReference& reference, RegistryOptions options);
  ~RegistryClient();

  // The document that a tag or digest names. kNotFound; kUnauthenticated and kPermissionDenied say what to do.
  Result<std::string> Manifest(const std::string& version, const std::stop_token& stop);
  // A blob of at most kMaxDocument bytes, verified.
  Result<std::string> Document(const Descriptor& blob, const std::stop_token& stop);
  // Writes a blob to the file from offset 0, going on by Range where a transfer broke off; verified. kDataLoss where
  // the registry sent other bytes twice.
  Status Download(const Descriptor& blob, int fd, std::atomic<uint64_t>* counter, const std::stop_token& stop);
  // The host that has been silent for a while, where one is waited for; else empty. Does not block.
  std::string SilentHost() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace burrow::oci
