// burrow.v1.Secrets.
#pragma once

#include "api/gateway.h"
#include "base/clock.h"
#include "control/background.h"
#include "control/secret_table.h"
#include "store/store.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct SecretServiceParts {
  const Clock& clock;
  SecretTable& secrets;
  store::Store& store;
  Background& store_thread;
};

class SecretService {
 public:
  explicit SecretService(SecretServiceParts parts) : p_(parts) {}
  void Register(api::Gateway& gateway);

 private:
  net::Task<Result<pb::PutSecretResponse>> Put(const std::string& workspace, const pb::PutSecretRequest& request);
  net::Task<Result<pb::ListSecretsResponse>> List(const std::string& workspace);
  net::Task<Result<pb::DeleteSecretResponse>> Delete(const std::string& workspace,
                                                     const pb::DeleteSecretRequest& request);

  SecretServiceParts p_;
};

}  // namespace burrow::control
