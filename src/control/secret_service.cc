#include "control/secret_service.h"

#include <utility>
#include <vector>

#include "control/limits.h"
#include "control/near_names.h"
#include "control/validation.h"

namespace burrow::control {

void SecretService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::PutSecretRequest, pb::PutSecretResponse>(
      "burrow.v1.Secrets/Put", [this](const auto& by, const auto& r) { return Put(by.workspace, r); });
  gateway.AddUnary<pb::ListSecretsRequest, pb::ListSecretsResponse>(
      "burrow.v1.Secrets/List", [this](const auto& by, const auto&) { return List(by.workspace); });
  gateway.AddUnary<pb::DeleteSecretRequest, pb::DeleteSecretResponse>(
      "burrow.v1.Secrets/Delete", [this](const auto& by, const auto& r) { return Delete(by.workspace, r); });
}

net::Task<Result<pb::PutSecretResponse>> SecretService::Put(const std::string& workspace,
                                                            const pb::PutSecretRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckName("a secret's name", request.name()));
  BURROW_CO_RETURN_IF_ERROR(CheckSecretVariables(request.variables()));
  if (request.variables().empty())
    co_return Fail(Code::kInvalidArgument, "the secret '{}' would hold nothing: give it KEY=VALUE", request.name());
  const auto* known = p_.secrets.Find(workspace, request.name());
  if (known && !request.overwrite())
    co_return Fail(Code::kAlreadyExists, "there is a secret '{}' already: replace it with --force", request.name());
  if (!known && p_.secrets.In(workspace).size() >= kMaxSecrets)
    co_return Fail(Code::kResourceExhausted, "there are {} secrets already: delete some", kMaxSecrets);
  BURROW_CO_ASSIGN_OR_RETURN(auto record, p_.secrets.Seal(workspace, request.name(), ToVariables(request.variables())));
  record.updated_ms = p_.clock.UnixMillis();
  record.created_ms = known ? known->created_ms : record.updated_ms;
  pb::PutSecretResponse response;
  response.set_replaced(known != nullptr);
  auto stored = co_await p_.store_thread.Ask([&store = p_.store, record] { return store.PutSecret(record); });
  BURROW_CO_RETURN_IF_ERROR(stored);
  p_.secrets.Put(std::move(record));
  co_return response;
}

net::Task<Result<pb::ListSecretsResponse>> SecretService::List(const std::string& workspace) {
  pb::ListSecretsResponse response;
  for (const auto* record : p_.secrets.In(workspace)) {
    auto& info = *response.add_secrets();
    info.set_name(record->name);
    info.set_created_ms(record->created_ms);
    info.set_updated_ms(record->updated_ms);
    if (auto variables = p_.secrets.Open(*record)) {
      for (const auto& [key, value] : *variables) info.add_keys(key);
    }
  }
  co_return response;
}

net::Task<Result<pb::DeleteSecretResponse>> SecretService::Delete(const std::string& workspace,
                                                                  const pb::DeleteSecretRequest& request) {
  std::string name = request.name().substr(0, kMaxNameBytes);
  if (!p_.secrets.Find(workspace, name)) {
    std::vector<std::string> names;
    for (const auto* record : p_.secrets.In(workspace)) names.push_back(record->name);
    co_return Fail(Code::kNotFound, "there is no secret '{}'{}: see `burrow secret list`", name,
                   DidYouMean(name, names));
  }
  auto dropped =
      co_await p_.store_thread.Ask([&store = p_.store, workspace, name] { return store.DropSecret(workspace, name); });
  BURROW_CO_RETURN_IF_ERROR(dropped);
  p_.secrets.Drop(workspace, name);
  co_return pb::DeleteSecretResponse();
}

}  // namespace burrow::control
