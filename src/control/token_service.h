// burrow.v1.Tokens.
#pragma once

#include <set>
#include <string>

#include "api/gateway.h"
#include "base/clock.h"
#include "control/background.h"
#include "control/messages.h"
#include "control/tokens.h"
#include "control/workspaces.h"
#include "store/store.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct TokenServiceParts {
  const Clock& clock;
  Tokens& tokens;
  const WorkspaceTable& workspaces;
  store::Store& store;
  Background& store_thread;
};

class TokenService {
 public:
  explicit TokenService(TokenServiceParts parts) : p_(parts) {}
  void Register(api::Gateway& gateway);

 private:
  net::Task<Result<pb::CreateTokenResponse>> Create(const std::string& workspace,
                                                    const pb::CreateTokenRequest& request);
  net::Task<Result<pb::ListTokensResponse>> List();
  net::Task<Result<pb::RevokeTokenResponse>> Revoke(const pb::RevokeTokenRequest& request);

  // Says why the token must stay.
  Status CheckRevoke(const store::TokenRecord& record) const;

  TokenServiceParts p_;
  std::set<std::string> leaving_;  // ids of those that are being revoked
};

}  // namespace burrow::control
