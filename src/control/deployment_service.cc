#include "control/deployment_service.h"

#include <optional>
#include <set>
#include <utility>

#include "control/limits.h"
#include "control/near_names.h"
#include "control/overrides.h"
#include "control/schedule_loading.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

constexpr Millis kTurnPatience{60'000};

pb::PublishRequest ToPublish(const pb::DeployRequest& request) {
  pb::PublishRequest publish;
  *publish.mutable_functions() = request.functions();
  *publish.mutable_source() = request.source();
  return publish;
}

std::vector<std::string> NamesOf(const App& app) {
  std::vector<std::string> names;
  for (const auto& [key, function] : app.functions) {
    if (!function->removed && !function->is_variant()) names.push_back(key);
  }
  return names;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

}  // namespace

// One deploy at a time: two of one name would both make the app.
struct DeploymentService::Turn {
  Turn(std::shared_ptr<bool> flag, std::shared_ptr<net::Event> event) : busy(std::move(flag)), freed(std::move(event)) {
    *busy = true;
  }
  ~Turn() {
    *busy = false;
    freed->Notify();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  std::shared_ptr<bool> busy;
  std::shared_ptr<net::Event> freed;
};

// A deploy on its way into the store. Goes on when the client that sent it has left.
struct DeploymentService::Rollout {
  explicit Rollout(net::IoContext& io) : done(io) {}
  std::shared_ptr<Turn> turn;
  std::shared_ptr<App> app;
  bool created = false;
  std::vector<std::shared_ptr<Function>> prepared;
  std::map<std::string, scheduler::CallSchedule> schedules;  // by function name
  std::map<FunctionId, uint64_t> last_ms;
  store::Deployment record;
  std::optional<Result<pb::DeployResponse>> outcome;
  net::Event done;
};

DeploymentService::DeploymentService(DeploymentServiceParts parts)
    : p_(parts), freed_(std::make_shared<net::Event>(parts.apps.io)) {}

void DeploymentService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::DeployRequest, pb::DeployResponse>(
      "burrow.v1.Deployments/Deploy", [this](const auto& by, const auto& r) { return Deploy(by.workspace, r); });
  gateway.AddUnary<pb::FindAppRequest, pb::FindAppResponse>(
      "burrow.v1.Deployments/FindApp", [this](const auto& by, const auto& r) { return FindApp(by.workspace, r); });
  gateway.AddUnary<pb::FindFunctionRequest, pb::FindFunctionResponse>(
      "burrow.v1.Deployments/FindFunction",
      [this](const auto& by, const auto& r) { return FindFunction(by.workspace, r); });
  gateway.AddUnary<pb::DeploymentHistoryRequest, pb::DeploymentHistoryResponse>(
      "burrow.v1.Deployments/History", [this](const auto& by, const auto& r) { return History(by.workspace, r); });
  gateway.AddUnary<pb::FunctionStatsRequest, pb::FunctionStats>(
      "burrow.v1.Deployments/Stats", [this](const auto& by, const auto& r) { return Stats(by.workspace, r); });
  gateway.AddUnary<pb::UpdateAutoscalerRequest, pb::UpdateAutoscalerResponse>(
      "burrow.v1.Deployments/UpdateAutoscaler",
      [this](const auto& by, const auto& r) { return UpdateAutoscaler(by.workspace, r); });
}

net::Task<Result<std::shared_ptr<DeploymentService::Turn>>> DeploymentService::TakeTurn() {
  const auto deadline = p_.apps.clock.Now() + kTurnPatience;
  while (*busy_) {
    const auto left = std::chrono::ceil<Millis>(deadline - p_.apps.clock.Now());
    if (left <= Millis(0) || !co_await freed_->Wait(left))
      co_return Fail(Code::kAborted, "another client deploys for long: try again");
  }
  co_return std::make_shared<Turn>(busy_, freed_);
}

net::Task<Result<pb::DeployResponse>> DeploymentService::Deploy(const std::string& workspace,
                                                                const pb::DeployRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckName("an app's name", request.name()));
  auto rollout = std::make_shared<Rollout>(p_.apps.io);
  const auto publish = ToPublish(request);
  BURROW_CO_RETURN_IF_ERROR(co_await p_.app_service.Check(publish));
  BURROW_CO_RETURN_IF_ERROR(co_await LoadSchedules(publish, *rollout));
  BURROW_CO_ASSIGN_OR_RETURN(rollout->turn, co_await TakeTurn());
  BURROW_CO_ASSIGN_OR_RETURN(rollout->app, AppFor(workspace, request.name(), rollout->created));
  co_return co_await RollOut(publish, rollout);
}

net::Task<Result<pb::DeployResponse>> DeploymentService::RollOut(const pb::PublishRequest& publish,
                                                                 std::shared_ptr<Rollout> rollout) {
  BURROW_CO_RETURN_IF_ERROR(Prepare(publish, *rollout));
  co_await p_.apps.hot_sets.Inherit(rollout->prepared);
  Store(rollout);
  while (!rollout->outcome) co_await rollout->done.Wait(kTurnPatience);
  co_return *rollout->outcome;
}

net::Task<Status> DeploymentService::LoadSchedules(const pb::PublishRequest& publish, Rollout& rollout) {
  for (const auto& spec : publish.functions()) {
    if (!spec.has_schedule()) continue;
    BURROW_CO_RETURN_IF_ERROR(CheckFunction(spec));
    auto loaded = co_await p_.apps.disk.Ask([schedule = spec.schedule()] { return LoadSchedule(schedule); });
    if (!loaded) co_return Forward(std::move(loaded.error()).WithContext("the schedule of " + spec.name() + "()"));
    rollout.schedules.emplace(spec.name(), std::move(*loaded));
  }
  co_return Status();
}

// The running app of that name, or a new one that is in no table yet.
Result<std::shared_ptr<App>> DeploymentService::AppFor(const std::string& workspace, const std::string& name,
                                                       bool& created) const {
  if (App* known = p_.apps.apps.FindDeployed(workspace, name)) return known->shared_from_this();
  if (p_.apps.apps.running() >= kMaxRunningApps) {
    return Fail(Code::kResourceExhausted, "{} apps are running already: stop some with `burrow app stop`",
                kMaxRunningApps);
  }
  created = true;
  store::AppRecord record{
      .id = AppId::New(), .name = name, .created_ms = p_.apps.clock.UnixMillis(), .workspace = workspace};
  return std::make_shared<App>(p_.apps.io, record);
}

Status DeploymentService::Prepare(const pb::PublishRequest& publish, Rollout& rollout) {
  BURROW_ASSIGN_OR_RETURN(rollout.prepared, p_.app_service.PrepareAll(*rollout.app, publish));
  auto& record = rollout.record;
  record.app = rollout.app->record;
  record.deployed_ms = p_.apps.clock.UnixMillis();
  for (const auto& function : rollout.prepared) {
    record.functions.push_back(RecordOf(*function));
    if (!function->spec.function().has_schedule()) continue;
    const uint64_t last = p_.schedules.LastOf(function->id, function->spec.function().schedule());
    record.schedules.push_back({.function = function->id, .last_ms = last});
    rollout.last_ms[function->id] = last;
  }
  return {};
}

void DeploymentService::Store(const std::shared_ptr<Rollout>& rollout) {
  p_.apps.store_thread.Run([&store = p_.apps.store, rollout] { return store.PutDeployment(rollout->record); },
                           [this, rollout](Result<uint32_t> version) {
                             if (!version) {
                               rollout->outcome = Forward(std::move(version.error()));
                             } else if (!rollout->created && !rollout->app->live()) {
                               rollout->outcome = Fail(Code::kFailedPrecondition,
                                                       "the app {} was stopped while it was deployed: deploy it again",
                                                       rollout->app->record.name);
                             } else {
                               Enter(*rollout, *version);
                             }
                             rollout->turn.reset();
                             rollout->done.Notify();
                           });
}

// Everything at once: nothing is awaited in between.
void DeploymentService::Enter(Rollout& rollout, uint32_t version) {
  App& app = rollout.created ? p_.apps.apps.Add(rollout.app) : *rollout.app;
  if (rollout.created) p_.apps.lifecycle.Begin(app, false);
  pb::DeployResponse response;
  response.set_app_id(app.record.id.str());
  response.set_version(version);
  RemoveOthers(rollout);
  for (const auto& [name, id] : p_.app_service.EnterAll(app, rollout.prepared)) {
    (*response.mutable_function_ids())[name] = id.str();
    const auto schedule = rollout.schedules.find(name);
    if (schedule == rollout.schedules.end()) {
      p_.schedules.Remove(id);
      continue;
    }
    p_.schedules.Set(app.functions.at(name), std::move(schedule->second), rollout.last_ms.at(id));
    if (const auto next = p_.schedules.NextRun(id)) (*response.mutable_next_runs_ms())[name] = *next;
  }
  p_.apps.logs.Note(app, fmt::format("version {} was deployed", version));
  rollout.outcome = std::move(response);
}

// Functions that the new version has not: what runs in them ends, nothing else begins.
void DeploymentService::RemoveOthers(const Rollout& rollout) {
  std::set<std::string> kept;
  for (const auto& function : rollout.prepared) kept.insert(function->name());
  for (const auto& [key, function] : rollout.app->functions) {
    if (kept.contains(function->name()) || function->removed) continue;
    p_.schedules.Remove(function->id);
    p_.app_service.Remove(*function, "its function is not part of the version that was deployed");
  }
}

Result<App*> DeploymentService::FindDeployed(const std::string& workspace, const std::string& name) const {
  if (App* app = p_.apps.apps.FindDeployed(workspace, name)) return app;
  std::vector<std::string> names;
  for (const App* app : p_.apps.apps.In(workspace)) {
    if (app->live() && !app->record.ephemeral) names.push_back(app->record.name);
  }
  const std::string shown = name.substr(0, kMaxNameBytes);
  return Fail(Code::kNotFound, "there is no deployed app '{}'{}: deploy it with `burrow deploy FILE`", shown,
              DidYouMean(shown, names));
}

Result<App*> DeploymentService::FindCallable(const std::string& workspace, const std::string& id_or_name) const {
  if (IsIdText(AppTag::kPrefix, id_or_name)) return p_.apps.apps.FindLive(workspace, AppId(id_or_name));
  auto deployed = FindDeployed(workspace, id_or_name);
  if (deployed) return deployed;
  App* app = p_.apps.apps.FindByIdOrName(workspace, id_or_name);
  if (app && app->live()) return app;
  return deployed;
}

net::Task<Result<pb::FindAppResponse>> DeploymentService::FindApp(const std::string& workspace,
                                                                  const pb::FindAppRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckName("an app's name", request.name()));
  auto found = FindDeployed(workspace, request.name());
  pb::FindAppResponse response;
  if (found) {
    response.set_app_id((*found)->record.id.str());
    co_return response;
  }
  if (!request.create_if_missing()) co_return Forward(std::move(found.error()));
  auto rollout = std::make_shared<Rollout>(p_.apps.io);
  BURROW_CO_ASSIGN_OR_RETURN(rollout->turn, co_await TakeTurn());
  BURROW_CO_ASSIGN_OR_RETURN(rollout->app, AppFor(workspace, request.name(), rollout->created));
  response.set_app_id(rollout->app->record.id.str());
  response.set_created(rollout->created);
  if (!rollout->created) co_return response;  // it came meanwhile
  BURROW_CO_RETURN_IF_ERROR(co_await RollOut(pb::PublishRequest(), rollout));
  co_return response;
}

net::Task<Result<pb::FindFunctionResponse>> DeploymentService::FindFunction(const std::string& workspace,
                                                                            const pb::FindFunctionRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(App * app, FindCallable(workspace, request.app()));
  const auto found = app->functions.find(request.function());
  if (found == app->functions.end() || found->second->removed) {
    const auto names = NamesOf(*app);
    const std::string shown = request.function().substr(0, kMaxNameBytes);
    co_return Fail(Code::kNotFound, "the app '{}' has no function '{}'{}: it has {}", app->record.name, shown,
                   DidYouMean(shown, names), Joined(names));
  }
  pb::FindFunctionResponse response;
  response.set_app_id(app->record.id.str());
  response.set_function_id(found->second->id.str());
  const pb::FunctionSpec& spec = found->second->spec.function();
  response.set_is_generator(spec.is_generator());
  if (spec.has_class_spec()) *response.mutable_class_spec() = spec.class_spec();
  co_return response;
}

net::Task<Result<pb::DeploymentHistoryResponse>> DeploymentService::History(
    const std::string& workspace, const pb::DeploymentHistoryRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(App * app, FindDeployed(workspace, request.app()));
  const AppId id = app->record.id;
  pb::DeploymentHistoryResponse response;
  response.set_app_id(id.str());
  BURROW_CO_ASSIGN_OR_RETURN(
      auto records, co_await p_.apps.store_thread.Ask([&store = p_.apps.store, id] { return store.Deployments(id); }));
  for (const auto& record : records) {
    auto& version = *response.add_versions();
    version.set_version(record.version);
    version.set_deployed_ms(record.deployed_ms);
    for (size_t begin = 0; begin < record.functions.size();) {
      const size_t end = record.functions.find('\n', begin);
      version.add_functions(record.functions.substr(begin, end - begin));
      begin = end == std::string::npos ? end : end + 1;
    }
  }
  co_return response;
}

Result<std::shared_ptr<Function>> DeploymentService::FindById(const std::string& workspace,
                                                              const std::string& id) const {
  auto function = p_.apps.apps.FindFunction(workspace, FunctionId(id));
  if (function && function->app->live() && !function->removed) return function;
  return Fail(Code::kNotFound, "there is no function '{}': its app has been stopped, or was deployed without it",
              id.substr(0, kMaxNameBytes));
}

net::Task<Result<pb::FunctionStats>> DeploymentService::Stats(const std::string& workspace,
                                                              const pb::FunctionStatsRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(const auto function, FindById(workspace, request.function_id()));
  pb::FunctionStats stats;
  stats.set_backlog(function->waiting());
  stats.set_running(function->running);
  for (const Container* container : function->containers) {
    if (container->state != Container::State::kStopping) stats.set_total_runners(stats.total_runners() + 1);
  }
  co_return stats;
}

net::Task<Result<pb::UpdateAutoscalerResponse>> DeploymentService::UpdateAutoscaler(
    const std::string& workspace, const pb::UpdateAutoscalerRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(const auto turn, co_await TakeTurn());
  BURROW_CO_ASSIGN_OR_RETURN(const auto function, FindById(workspace, request.function_id()));
  pb::FunctionSpec changed = function->spec.function();
  if (request.has_min_containers()) changed.set_min_containers(request.min_containers());
  ChangeScaling(request, changed);
  BURROW_CO_RETURN_IF_ERROR(CheckScaling(changed));
  *function->spec.mutable_function() = changed;
  p_.apps.autoscaler.Reconsider(function);
  auto stored = co_await p_.apps.store_thread.Ask(
      [&store = p_.apps.store, record = RecordOf(*function)] { return store.PutFunctions({record}); });
  BURROW_CO_RETURN_IF_ERROR(stored);
  co_return pb::UpdateAutoscalerResponse();
}

}  // namespace burrow::control
