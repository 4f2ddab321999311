// The secrets of a function on their way to a container of its own. Loop's thread only.
#pragma once

#include <utility>

#include "base/error.h"
#include "control/functions.h"
#include "control/secret_table.h"

namespace burrow::control {

// `start` is a StartContainer or StartShell and has the function's specification. What that holds of secrets stays
// here: the worker gets the variables alone, or where the error tells why it cannot, nothing.
template <class Start>
Status GiveSecrets(const SecretTable& secrets, const Function& function, Start& start) {
  auto& spec = *start.mutable_spec()->mutable_function();
  spec.clear_secrets();
  spec.clear_schedule();
  if (spec.bound().has_overrides()) spec.mutable_bound()->mutable_overrides()->clear_secrets();
  BURROW_ASSIGN_OR_RETURN(auto variables,
                          secrets.VariablesOf(function.workspace, function.spec.function(), function.id));
  for (auto& [name, value] : variables) (*start.mutable_secret_environment())[name] = std::move(value);
  return {};
}

}  // namespace burrow::control
