// The environments that steps of a build see and no image holds: variables that came with the request, and stored
// secrets. Loop's thread only.
#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "control/messages.h"
#include "control/secret_table.h"

namespace burrow::control {

using BuildSecrets = std::map<std::string, SecretVariables>;  // by the id that steps call them by

// Opens all of the request's; kNotFound or kFailedPrecondition where one of them cannot be had, or a step calls one
// that was not given.
Result<BuildSecrets> OpenBuildSecrets(const SecretTable& table, const std::string& workspace,
                                      const pb::BuildRequest& request);
// What a step sees of them; later ones win.
SecretVariables SecretsOf(const pb::ImageStep& step, const BuildSecrets& secrets);

}  // namespace burrow::control
