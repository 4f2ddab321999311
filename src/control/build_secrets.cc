#include "control/build_secrets.h"

#include <algorithm>
#include <utility>

namespace burrow::control {
namespace {

Result<SecretVariables> Open(const SecretTable& table, const std::string& workspace, const pb::FunctionSecret& secret) {
  if (secret.has_variables()) return ToVariables(secret.variables().variables());
  return table.OpenNamed(workspace, secret, "the build needs");
}

size_t BytesOf(const SecretVariables& variables) {
  size_t bytes = 0;
  for (const auto& [name, value] : variables) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace

Result<BuildSecrets> OpenBuildSecrets(const SecretTable& table, const std::string& workspace,
                                      const pb::BuildRequest& request) {
  BuildSecrets secrets;
  for (const auto& secret : request.secrets()) {
    if (!secret.has_environment()) continue;
    BURROW_ASSIGN_OR_RETURN(secrets[secret.id()], Open(table, workspace, secret.environment()));
  }
  for (const auto& step : request.steps()) {
    for (const auto& id : step.secrets()) {
      if (!secrets.contains(id))
        return Fail(Code::kFailedPrecondition, "a step needs the secret '{}', which the build was not given", id);
    }
    if (BytesOf(SecretsOf(step, secrets)) > kMaxSecretBytes)
      return Fail(Code::kFailedPrecondition, "the secrets of a step hold more than {} bytes together", kMaxSecretBytes);
  }
  return secrets;
}

SecretVariables SecretsOf(const pb::ImageStep& step, const BuildSecrets& secrets) {
  SecretVariables all;
  for (const auto& id : step.secrets()) {
    const auto found = secrets.find(id);
    if (found == secrets.end()) continue;
    for (const auto& [name, value] : found->second) all[name] = value;
  }
  return all;
}

}  // namespace burrow::control
