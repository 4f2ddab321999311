#include "control/class_service.h"

#include <algorithm>
#include <utility>

#include "control/classes.h"
#include "control/limits.h"
#include "control/spec_checks.h"
#include "control/volume_mounts.h"

namespace burrow::control {

void ClassService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::BindRequest, pb::BindResponse>("burrow.v1.Apps/Bind",
                                                      [this](const auto& by, const auto& r) { return Bind(by, r); });
}

// Whoever may only call functions has nothing to give them but arguments and room.
Status ClassService::PrepareOverrides(const api::Caller& by, const Function& base, pb::SpecOverrides& overrides) const {
  const bool gives = overrides.has_volumes() || overrides.has_secrets() || !overrides.env().empty();
  if (gives && by.access == api::Access::kCaller && by.container.empty())
    return Fail(Code::kPermissionDenied, "this token may not choose volumes, secrets or variables: use a member's");
  pb::FunctionSpec spec;
  spec.set_name(base.spec.function().name());
  *spec.mutable_volumes() = overrides.volumes().mounts();
  BURROW_RETURN_IF_ERROR(FindMounts(p_.volumes, by.workspace, spec));
  if (!overrides.has_secrets()) return {};
  *spec.mutable_secrets() = overrides.secrets().secrets();
  BURROW_RETURN_IF_ERROR(CheckFunctionSecrets(spec));
  BURROW_RETURN_IF_ERROR(p_.secrets.SealFunction(by.workspace, spec, base.id));
  *overrides.mutable_secrets()->mutable_secrets() = spec.secrets();
  return {};
}

net::Task<Result<pb::BindResponse>> ClassService::Bind(const api::Caller& by, const pb::BindRequest& request) {
  const std::string& workspace = by.workspace;
  FunctionId base_id(request.function_id());
  auto base = p_.apps.FindFunction(workspace, base_id);
  const bool may_vary = base && !base->removed && !base->is_variant();
  if (!may_vary || !(base->spec.function().has_class_spec() || request.has_overrides())) {
    co_return Fail(Code::kNotFound, "there is no class '{}': its app has been stopped, or was never published",
                   request.function_id().substr(0, kMaxNameBytes));
  }
  auto app = base->app->shared_from_this();
  pb::SpecOverrides overrides = request.overrides();
  BURROW_CO_RETURN_IF_ERROR(PrepareOverrides(by, *base, overrides));
  auto bound = BindParameters(base_id, base->spec.function(), request.parameters());
  if (!bound) co_return Forward(std::move(bound.error()));
  if (request.has_overrides()) *bound->mutable_overrides() = std::move(overrides);
  pb::BindResponse response;
  const bool is_base = bound->values().empty() && !bound->has_overrides();
  auto id = is_base ? base_id : VariantId(*bound);
  response.set_function_id(id.str());
  if (const auto known = p_.apps.FindFunction(workspace, id)) {
    known->unused_since_ms = 0;
    co_return response;
  }
  auto variant = std::make_shared<Function>(p_.io, id, app.get());
  uint32_t generation = 0;
  do {  // again where the class is published anew meanwhile
    if (base->removed)
      co_return Fail(Code::kNotFound, "the newest version of the app {} has no {}", app->record.name, Label(*base));
    if (CountVariants(*app) >= kMaxVariants)
      co_return Fail(Code::kResourceExhausted, "an app may have at most {} sets of parameters and options",
                     kMaxVariants);
    BURROW_CO_RETURN_IF_ERROR(CheckVariant(base->spec, *bound));
    generation = base->generation;
    variant->spec = VariantSpec(base->spec, *bound);
    std::vector<store::FunctionRecord> records = {RecordOf(*variant)};
    auto stored = co_await p_.store_thread.Ask([&store = p_.store, &records] { return store.PutFunctions(records); });
    BURROW_CO_RETURN_IF_ERROR(stored);
    if (!app->live())
      co_return Fail(Code::kFailedPrecondition, "the app {} has been stopped: run it again", app->record.name);
    if (p_.apps.FindFunction(workspace, id)) co_return response;  // somebody else was first
  } while (generation != base->generation);
  p_.apps.Enter(variant);
  p_.dispatcher.Pump(variant);
  co_return response;
}

size_t CountVariants(const App& app) {
  return static_cast<size_t>(
      std::ranges::count_if(app.functions, [](const auto& entry) { return entry.second->is_variant(); }));
}

std::vector<std::shared_ptr<Function>> PrepareVariants(net::IoContext& io, App& app, const Function& prepared,
                                                       const std::set<std::string>& but) {
  std::vector<std::shared_ptr<Function>> variants;
  for (const auto& [key, function] : app.functions) {
    const auto& bound = function->spec.function().bound();
    if (bound.base_function_id() != prepared.id.str() || but.contains(key)) continue;
    auto variant = std::make_shared<Function>(io, function->id, &app);
    variant->spec = VariantSpec(prepared.spec, bound);
    variants.push_back(std::move(variant));
  }
  return variants;
}

}  // namespace burrow::control
