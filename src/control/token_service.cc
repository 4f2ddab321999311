#include "control/token_service.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "control/limits.h"
#include "control/near_names.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

using Role = std::pair<pb::TokenRole, store::TokenRole>;
constexpr Role kRoles[] = {
    {pb::TOKEN_ROLE_ADMIN, store::TokenRole::kAdmin},
    {pb::TOKEN_ROLE_MEMBER, store::TokenRole::kMember},
    {pb::TOKEN_ROLE_CALLER, store::TokenRole::kCaller},
    {pb::TOKEN_ROLE_WORKER, store::TokenRole::kWorker},
};

}  // namespace

void TokenService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::CreateTokenRequest, pb::CreateTokenResponse>(
      "burrow.v1.Tokens/Create", [this](const auto& by, const auto& r) { return Create(by.workspace, r); });
  gateway.AddUnary<pb::ListTokensRequest, pb::ListTokensResponse>("burrow.v1.Tokens/List",
                                                                  [this](const auto&, const auto&) { return List(); });
  gateway.AddUnary<pb::RevokeTokenRequest, pb::RevokeTokenResponse>(
      "burrow.v1.Tokens/Revoke", [this](const auto&, const auto& r) { return Revoke(r); });
}

net::Task<Result<pb::CreateTokenResponse>> TokenService::Create(const std::string& own_workspace,
                                                                const pb::CreateTokenRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckName("a token's name", request.name()));
  const auto* role = std::ranges::find(kRoles, request.role(), &Role::first);
  if (role == std::end(kRoles))
    co_return Fail(Code::kInvalidArgument, "the token '{}' needs a role: admin, member, caller or worker",
                   request.name());
  if (request.role() == pb::TOKEN_ROLE_WORKER && !request.workspace().empty())
    co_return Fail(Code::kInvalidArgument, "workers serve all workspaces: name none for the token '{}'",
                   request.name());
  std::string workspace = request.workspace().empty() ? own_workspace : request.workspace();
  if (request.role() == pb::TOKEN_ROLE_WORKER) workspace = store::kDefaultWorkspace;
  BURROW_CO_RETURN_IF_ERROR(p_.workspaces.Need(workspace));
  if (p_.tokens.Find(request.name()))
    co_return Fail(Code::kAlreadyExists, "there is a token '{}' already: revoke it, or take another name",
                   request.name());
  if (p_.tokens.All().size() >= kMaxTokens)
    co_return Fail(Code::kResourceExhausted, "there are {} tokens already: revoke some", kMaxTokens);
  const std::string secret = NewTokenSecret(role->second);
  store::TokenRecord record{.id = NewIdText("tk"),
                            .name = request.name(),
                            .secret_sha256 = HashOfToken(secret),
                            .role = role->second,
                            .created_ms = p_.clock.UnixMillis(),
                            .workspace = workspace};
  p_.tokens.Add(record);  // first, so that no name is given twice meanwhile; nobody has the secret yet
  auto stored = co_await p_.store_thread.Ask([&store = p_.store, record] { return store.PutToken(record); });
  if (!stored) {
    p_.tokens.Remove(record.id);
    co_return Forward(std::move(stored.error()));
  }
  pb::CreateTokenResponse response;
  response.set_token(secret);
  co_return response;
}

net::Task<Result<pb::ListTokensResponse>> TokenService::List() {
  pb::ListTokensResponse response;
  for (const auto& record : p_.tokens.All()) {
    auto& info = *response.add_tokens();
    info.set_id(record.id);
    info.set_name(record.name);
    info.set_role(std::ranges::find(kRoles, record.role, &Role::second)->first);
    info.set_created_ms(record.created_ms);
    info.set_own(IsOwn(record));
    if (record.role != store::TokenRole::kWorker) info.set_workspace(record.workspace);
  }
  co_return response;
}

Status TokenService::CheckRevoke(const store::TokenRecord& record) const {
  if (IsOwn(record) && !p_.tokens.IsClients(record)) {
    return Fail(
        Code::kFailedPrecondition,
        "{} is the token of the server's own worker: to replace it, stop the server and remove control/tokens in "
        "its state directory",
        record.id);
  }
  auto without = leaving_;
  without.insert(record.id);
  if (record.role == store::TokenRole::kAdmin && !p_.tokens.HasAdminBeside(without)) {
    return Fail(Code::kFailedPrecondition,
                "{} is the last token of an admin: make another one first (`burrow token create NAME --role admin`), "
                "and store it (`burrow token set`)",
                record.id);
  }
  return {};
}

net::Task<Result<pb::RevokeTokenResponse>> TokenService::Revoke(const pb::RevokeTokenRequest& request) {
  const std::string wanted = request.token().substr(0, kMaxNameBytes);
  const auto* found = p_.tokens.Find(wanted);
  if (!found) {
    std::vector<std::string> names;
    names.reserve(p_.tokens.All().size());
    for (const auto& record : p_.tokens.All()) names.push_back(record.name);
    co_return Fail(Code::kNotFound, "there is no token '{}'{}: see `burrow token list`", wanted,
                   DidYouMean(wanted, names));
  }
  BURROW_CO_RETURN_IF_ERROR(CheckRevoke(*found));
  const std::string id = found->id;
  const auto forget = p_.tokens.IsClients(*found) ? p_.tokens.ClientForgetter() : [] { return Status(); };
  leaving_.insert(id);
  struct Leaving {  // also where whoever asked goes away meanwhile
    std::set<std::string>& ids;
    const std::string& id;
    ~Leaving() { ids.erase(id); }
  } const leaving{leaving_, id};
  auto dropped = co_await p_.store_thread.Ask([&store = p_.store, id, forget]() -> Status {
    BURROW_RETURN_IF_ERROR(forget());  // first: what only the store has no more would be valid again after a restart
    return store.DropToken(id);
  });
  BURROW_CO_RETURN_IF_ERROR(dropped);
  p_.tokens.Remove(id);
  co_return pb::RevokeTokenResponse();
}

}  // namespace burrow::control
