#include "control/workspace_service.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "control/limits.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

constexpr double kMaxWorkspaceCpus = 1e6;
constexpr uint64_t kMaxWorkspaceStorageMib = 1ull << 40;

void Apply(const pb::WorkspaceLimits& limits, store::WorkspaceRecord& record) {
  if (limits.has_max_containers()) record.max_containers = limits.max_containers();
  if (limits.has_max_cpus()) record.max_cpu_millis = static_cast<uint32_t>(std::lround(limits.max_cpus() * 1000));
  if (limits.has_max_memory_mib()) record.max_memory_mib = limits.max_memory_mib();
  if (limits.has_max_queued_calls()) record.max_queued_calls = limits.max_queued_calls();
  if (limits.has_max_storage_mib()) record.max_storage_mib = limits.max_storage_mib();
  if (limits.has_share_cache()) record.shares_cache = limits.share_cache();
}

Status Check(const pb::WorkspaceLimits& limits) {
  if (limits.max_storage_mib() > kMaxWorkspaceStorageMib)
    return Fail(Code::kInvalidArgument, "a workspace's storage must be at most {} MiB", kMaxWorkspaceStorageMib);
  if (limits.max_cpus() >= 0 && limits.max_cpus() <= kMaxWorkspaceCpus) return {};
  return Fail(Code::kInvalidArgument, "a workspace's cores must be between 0 and {:g}, not {:g}", kMaxWorkspaceCpus,
              limits.max_cpus());
}

}  // namespace

void WorkspaceService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::CreateWorkspaceRequest, pb::CreateWorkspaceResponse>(
      "burrow.v1.Workspaces/Create", [this](const auto&, const auto& r) { return Create(r); });
  gateway.AddUnary<pb::ListWorkspacesRequest, pb::ListWorkspacesResponse>(
      "burrow.v1.Workspaces/List", [this](const auto&, const auto&) { return List(); });
  gateway.AddUnary<pb::UpdateWorkspaceRequest, pb::UpdateWorkspaceResponse>(
      "burrow.v1.Workspaces/Update", [this](const auto&, const auto& r) { return Update(r); });
  gateway.AddUnary<pb::DeleteWorkspaceRequest, pb::DeleteWorkspaceResponse>(
      "burrow.v1.Workspaces/Delete", [this](const auto&, const auto& r) { return Delete(r); });
}

net::Task<Result<pb::CreateWorkspaceResponse>> WorkspaceService::Create(const pb::CreateWorkspaceRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckName("a workspace's name", request.name()));
  BURROW_CO_RETURN_IF_ERROR(Check(request.limits()));
  if (p_.workspaces.Find(request.name()))
    co_return Fail(Code::kAlreadyExists, "there is a workspace '{}' already: take another name", request.name());
  if (p_.workspaces.All().size() >= kMaxWorkspaces)
    co_return Fail(Code::kResourceExhausted, "there are {} workspaces already: delete some", kMaxWorkspaces);
  store::WorkspaceRecord record{.name = request.name(), .created_ms = p_.clock.UnixMillis()};
  Apply(request.limits(), record);
  p_.workspaces.Put(record);  // first, so that no name is given twice meanwhile; nobody has a token of it yet
  auto stored = co_await p_.store_thread.Ask([&store = p_.store, record] { return store.PutWorkspace(record); });
  if (!stored) {
    p_.workspaces.Drop(record.name);
    co_return Forward(std::move(stored.error()));
  }
  co_return pb::CreateWorkspaceResponse();
}

pb::WorkspaceInfo WorkspaceService::Describe(const store::WorkspaceRecord& record) const {
  pb::WorkspaceInfo info;
  info.set_name(record.name);
  info.mutable_limits()->set_max_containers(record.max_containers);
  info.mutable_limits()->set_max_cpus(record.max_cpu_millis / 1000.0);
  info.mutable_limits()->set_max_memory_mib(record.max_memory_mib);
  info.mutable_limits()->set_max_queued_calls(record.max_queued_calls);
  info.mutable_limits()->set_max_storage_mib(record.max_storage_mib);
  info.set_volume_bytes(p_.volumes.BytesIn(record.name));
  info.mutable_limits()->set_share_cache(record.shares_cache);
  info.set_created_ms(record.created_ms);
  const auto share = p_.share_of(record.name);
  info.set_containers(share.containers);
  info.set_cpus(share.reserved.cpus);
  info.set_memory_mib(share.reserved.memory >> 20);
  const auto apps = p_.apps.In(record.name);
  info.set_apps(static_cast<uint32_t>(std::ranges::count_if(apps, [](const App* app) { return !app->stopped(); })));
  info.set_waiting(static_cast<uint32_t>(p_.apps.WaitingIn(record.name)));
  info.set_tokens(static_cast<uint32_t>(p_.tokens.In(record.name).size()));
  return info;
}

net::Task<Result<pb::ListWorkspacesResponse>> WorkspaceService::List() {
  pb::ListWorkspacesResponse response;
  std::vector<std::string> names;
  for (const auto* record : p_.workspaces.All()) names.push_back(record->name);
  for (const auto& name : names) {
    const auto images = co_await p_.storage.BytesIn(name);
    if (!images) LogError("the images of the workspace {} could not be measured: {}", name, images.error().message());
    const auto* record = p_.workspaces.Find(name);
    if (!record) continue;  // deleted meanwhile
    auto& info = *response.add_workspaces();
    info = Describe(*record);
    info.set_image_bytes(images.value_or(p_.storage.LastKnown(name)));
  }
  co_return response;
}

net::Task<Result<pb::UpdateWorkspaceResponse>> WorkspaceService::Update(const pb::UpdateWorkspaceRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(p_.workspaces.Need(request.name()));
  BURROW_CO_RETURN_IF_ERROR(Check(request.limits()));
  if (request.name() == store::kDefaultWorkspace && request.limits().has_share_cache())
    co_return Fail(Code::kFailedPrecondition, "the default workspace always shares its cache of build steps");
  store::WorkspaceRecord record = *p_.workspaces.Find(request.name());
  Apply(request.limits(), record);
  auto stored = co_await p_.store_thread.Ask([&store = p_.store, record] { return store.PutWorkspace(record); });
  BURROW_CO_RETURN_IF_ERROR(stored);
  BURROW_CO_RETURN_IF_ERROR(p_.workspaces.Need(record.name));  // it may have been deleted meanwhile
  p_.workspaces.Put(std::move(record));
  p_.limits_changed();
  co_await p_.storage.Refresh(request.name());
  co_return pb::UpdateWorkspaceResponse();
}

Status WorkspaceService::CheckUnused(const std::string& name) const {
  if (name == store::kDefaultWorkspace)
    return Fail(Code::kFailedPrecondition, "the workspace '{}' is always there", name);
  const auto apps = p_.apps.In(name);
  const auto running = std::ranges::find_if(apps, [](const App* app) { return !app->stopped(); });
  if (running != apps.end()) {
    return Fail(Code::kFailedPrecondition,
                "the app {} of the workspace '{}' runs: stop it with a token of that workspace (`burrow app stop`), "
                "and its other apps",
                (*running)->record.name, name);
  }
  if (p_.has_builds(name))
    return Fail(Code::kFailedPrecondition, "an image is built in the workspace '{}': wait for its end", name);
  const auto tokens = p_.tokens.In(name);
  if (tokens.empty()) return {};
  return Fail(Code::kFailedPrecondition,
              "{} tokens belong to the workspace '{}', such as '{}': `burrow token revoke` them", tokens.size(), name,
              tokens.front()->name);
}

net::Task<Result<pb::DeleteWorkspaceResponse>> WorkspaceService::Delete(const pb::DeleteWorkspaceRequest& request) {
  const std::string& name = request.name();
  BURROW_CO_RETURN_IF_ERROR(p_.workspaces.Need(name));
  BURROW_CO_RETURN_IF_ERROR(CheckUnused(name));
  const store::WorkspaceRecord record = *p_.workspaces.Find(name);
  p_.workspaces.Drop(name);  // first, so that nobody gets a token of it
  auto dropped = co_await p_.store_thread.Ask([&store = p_.store, name] { return store.DropWorkspace(name); });
  if (!dropped) {
    p_.workspaces.Put(record);
    co_return Forward(std::move(dropped.error()));
  }
  Forget(name);
  co_await p_.prune_cache_mounts(name);  // of the workers that are here: others keep them for nobody
  co_return pb::DeleteWorkspaceResponse();
}

void WorkspaceService::Forget(const std::string& name) {
  p_.images.DropAll(name);
  p_.secrets.DropAll(name);
  p_.volumes.DropAll(name);
  p_.hot_sets.DropAll(name);
  p_.logs.Remove(p_.apps.Disown(name));
}

}  // namespace burrow::control
