#include "control/app_service.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "base/log.h"
#include "control/attached_checks.h"
#include "control/class_service.h"
#include "control/limits.h"
#include "control/recipe_build.h"
#include "control/spec_change.h"
#include "control/validation.h"
#include "control/volume_mounts.h"

namespace burrow::control {
namespace {

// The source, and what is attached to functions, once where several have the same.
google::protobuf::RepeatedPtrField<pb::SourceFile> FilesOf(const pb::PublishRequest& request) {
  auto files = request.source();
  std::set<std::string_view> seen;
  for (const auto& spec : request.functions()) {
    for (const auto& attached : spec.attached()) {
      for (const auto& file : attached.files()) {
        if (seen.insert(file.digest()).second) *files.Add() = file;
      }
    }
  }
  return files;
}

// Of functions with these names, and their variants.
std::vector<FunctionId> IdsOf(const App& app, const std::set<std::string>& names) {
  std::vector<FunctionId> ids;
  for (const auto& [key, function] : app.functions) {
    if (names.contains(function->name())) ids.push_back(function->id);
  }
  return ids;
}

}  // namespace

void AppService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::CreateAppRequest, pb::CreateAppResponse>(
      "burrow.v1.Apps/Create", [this](const auto& by, const auto& r) { return Create(by.workspace, r); });
  gateway.AddUnary<pb::PublishRequest, pb::PublishResponse>(
      "burrow.v1.Apps/Publish", [this](const auto& by, const auto& r) { return Publish(by.workspace, r); });
  gateway.AddUnary<pb::ListAppsRequest, pb::ListAppsResponse>(
      "burrow.v1.Apps/List", [this](const auto& by, const auto& r) { return List(by.workspace, r); });
  gateway.AddUnary<pb::StopAppRequest, pb::StopAppResponse>(
      "burrow.v1.Apps/Stop", [this](const auto& by, const auto& r) { return Stop(by.workspace, r); });
  gateway.AddServerStream<pb::WatchAppRequest, pb::AppEvent>(
      "burrow.v1.Apps/Watch",
      [this](const auto& by, const auto& r, auto writer) { return Watch(by.workspace, r, writer); });
  gateway.AddServerStream<pb::LogsRequest, pb::LogsResponse>(
      "burrow.v1.Apps/Logs",
      [this](const auto& by, const auto& r, auto writer) { return Logs(by.workspace, r, writer); });
  gateway.AddUnary<pb::ListContainersRequest, pb::ListContainersResponse>(
      "burrow.v1.Containers/List", [this](const auto& by, const auto&) { return ListContainers(by.workspace); });
}

net::Task<Result<pb::CreateAppResponse>> AppService::Create(const std::string& workspace,
                                                            const pb::CreateAppRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckName("an app's name", request.name()));
  if (p_.apps.running() >= kMaxRunningApps) {
    co_return Fail(Code::kResourceExhausted, "{} apps are running already: stop some with `burrow app stop`",
                   kMaxRunningApps);
  }
  store::AppRecord record{.id = AppId::New(),
                          .name = request.name(),
                          .ephemeral = request.ephemeral(),
                          .created_ms = p_.clock.UnixMillis(),
                          .workspace = workspace};
  auto stored = co_await p_.store_thread.Ask([&store = p_.store, record] { return store.PutApp(record); });
  BURROW_CO_RETURN_IF_ERROR(stored);
  App& app = p_.apps.Add(std::make_shared<App>(p_.io, record));
  p_.lifecycle.Begin(app, false);
  pb::CreateAppResponse response;
  response.set_app_id(record.id.str());
  co_return response;
}

Result<std::shared_ptr<Function>> AppService::Prepare(App& app, const pb::FunctionSpec& spec,
                                                      const pb::PublishRequest& request) const {
  BURROW_RETURN_IF_ERROR(CheckFunction(spec));
  const ImageEntry* image = p_.images.Find(app.record.workspace, ImageId(spec.image_id()));
  if (!image)
    return Fail(Code::kNotFound, "the function {} asks for the image '{}', which is not here: build it first",
                spec.name(), spec.image_id());
  auto known = app.functions.find(spec.name());
  auto id = known == app.functions.end() ? FunctionId::New() : known->second->id;
  auto function = std::make_shared<Function>(p_.io, id, &app);
  function->spec.set_app_id(app.record.id.str());
  function->spec.set_function_id(id.str());
  *function->spec.mutable_function() = spec;
  BURROW_RETURN_IF_ERROR(FindMounts(p_.volumes, app.record.workspace, spec));
  BURROW_RETURN_IF_ERROR(p_.secrets.SealFunction(app.record.workspace, *function->spec.mutable_function(), id));
  *function->spec.mutable_source() = request.source();
  *function->spec.mutable_image() = image->image;
  return function;
}

net::Task<Status> AppService::Check(const pb::PublishRequest& request) const {
  BURROW_CO_RETURN_IF_ERROR(CheckSource(request.source()));
  for (const auto& spec : request.functions()) BURROW_CO_RETURN_IF_ERROR(CheckAttached(spec));
  if (static_cast<size_t>(request.functions_size()) > kMaxFunctions)
    co_return Fail(Code::kInvalidArgument, "an app may have at most {} functions", kMaxFunctions);
  co_return co_await CheckUploaded(FilesOf(request), p_.blobs, p_.disk);
}

Result<std::vector<std::shared_ptr<Function>>> AppService::PrepareAll(App& app,
                                                                      const pb::PublishRequest& request) const {
  const size_t plain = app.functions.size() - CountVariants(app);
  if (plain + static_cast<size_t>(request.functions_size()) > 2 * kMaxFunctions)
    return Fail(Code::kInvalidArgument, "an app may have at most {} functions", kMaxFunctions);
  std::vector<std::shared_ptr<Function>> prepared;
  std::set<std::string_view> names;
  for (const auto& spec : request.functions()) {
    if (!names.insert(spec.name()).second)
      return Fail(Code::kInvalidArgument, "the function {} comes twice", spec.name());
    if (std::ranges::find(request.removed(), spec.name()) != request.removed().end())
      return Fail(Code::kInvalidArgument, "the function {} cannot be published and removed at once", spec.name());
    BURROW_ASSIGN_OR_RETURN(auto function, Prepare(app, spec, request));
    auto variants = PrepareVariants(p_.io, app, *function);
    prepared.push_back(std::move(function));
    std::ranges::move(variants, std::back_inserter(prepared));
  }
  return prepared;
}

net::Task<Result<pb::PublishResponse>> AppService::Publish(const std::string& workspace,
                                                           const pb::PublishRequest& request) {
  auto found = p_.apps.FindLive(workspace, AppId(request.app_id()));
  if (!found) co_return Forward(std::move(found.error()));
  auto app = (*found)->shared_from_this();
  if (request.removed_size() > 0 && !app->record.ephemeral)
    co_return Fail(Code::kFailedPrecondition, "functions of a deployed app are removed by a deploy without them");
  BURROW_CO_RETURN_IF_ERROR(co_await Check(request));
  BURROW_CO_ASSIGN_OR_RETURN(auto prepared, PrepareAll(*app, request));
  co_await p_.hot_sets.Inherit(prepared);
  std::vector<store::FunctionRecord> records;
  for (const auto& function : prepared) records.push_back(RecordOf(*function));
  const std::set<std::string> gone(request.removed().begin(), request.removed().end());
  const auto dropped = IdsOf(*app, gone);
  auto stored = co_await p_.store_thread.Ask(
      [&store = p_.store, &records, &dropped] { return store.PutFunctions(records, dropped); });
  BURROW_CO_RETURN_IF_ERROR(stored);
  if (!app->live())
    co_return Fail(Code::kFailedPrecondition, "the app {} has been stopped: run it again", app->record.name);
  pb::PublishResponse response;
  for (const auto& [name, id] : EnterAll(*app, prepared)) (*response.mutable_function_ids())[name] = id.str();
  for (const auto& name : request.warm()) {
    if (const auto found = app->functions.find(name); found != app->functions.end()) p_.autoscaler.Warm(found->second);
  }
  for (const auto& [key, function] : app->functions) {
    if (gone.contains(function->name())) Remove(*function, "its function is no part of the app any more");
  }
  co_return response;
}

void AppService::Remove(Function& function, const std::string& why) {
  if (function.removed) return;
  function.removed = true;
  function.generation++;
  p_.dispatcher.CancelWaiting(function, why);
  p_.autoscaler.Retire(function);
}

std::map<std::string, FunctionId> AppService::EnterAll(App& app,
                                                       const std::vector<std::shared_ptr<Function>>& prepared) {
  std::map<std::string, FunctionId> ids;
  std::set<std::string> keys;
  for (const auto& function : prepared) {
    const bool is_variant = function->is_variant();
    const std::string name = function->name();
    keys.insert(function->key());
    const FunctionId id = Enter(app, function);
    if (!is_variant) ids.emplace(name, id);
  }
  EnterLateVariants(app, ids, keys);
  return ids;
}

// Those that were bound to what was published before, while this was being stored.
void AppService::EnterLateVariants(App& app, const std::map<std::string, FunctionId>& ids,
                                   const std::set<std::string>& keys) {
  std::vector<std::shared_ptr<Function>> late;
  for (const auto& [name, id] : ids) {
    std::ranges::move(PrepareVariants(p_.io, app, *app.functions.at(name), keys), std::back_inserter(late));
  }
  if (late.empty()) return;
  std::vector<store::FunctionRecord> records;
  records.reserve(late.size());
  for (const auto& variant : late) records.push_back(RecordOf(*variant));
  for (const auto& variant : late) Enter(app, variant);
  p_.store_thread.Run([&store = p_.store, records] { return store.PutFunctions(records); },
                      [](const Status& status) {
                        if (!status) LogError("variants could not be stored: {}", status.error().message());
                      });
}

FunctionId AppService::Enter(App& app, const std::shared_ptr<Function>& prepared) {
  auto function = prepared;
  auto known = app.functions.find(prepared->key());
  if (known == app.functions.end()) {
    p_.apps.Enter(function);
    p_.dispatcher.Pump(function);
    return function->id;
  }
  function = known->second;
  function->removed = false;
  const bool same = SameContainers(function->spec, prepared->spec);
  function->spec.Swap(&prepared->spec);
  if (!same) {
    function->generation++;
    function->failed_starts = 0;
    function->import_broken = false;
    function->back_off.Cancel();
    p_.autoscaler.Retire(*function);
  }
  p_.dispatcher.Pump(function);
  p_.autoscaler.Reconsider(function);
  return function->id;
}

net::Task<Result<pb::ListAppsResponse>> AppService::List(const std::string& workspace,
                                                         const pb::ListAppsRequest& request) {
  pb::ListAppsResponse response;
  for (const App* app : p_.apps.In(workspace)) {
    if (request.all() || !app->stopped()) *response.add_apps() = Describe(*app);
  }
  co_return response;
}

net::Task<Result<pb::StopAppResponse>> AppService::Stop(const std::string& workspace,
                                                        const pb::StopAppRequest& request) {
  App* found = p_.apps.FindByIdOrName(workspace, request.app());
  if (!found)
    co_return Fail(Code::kNotFound, "there is no app '{}': see `burrow app ls --all`",
                   request.app().substr(0, kMaxNameBytes));
  auto app = found->shared_from_this();
  auto outcome = p_.lifecycle.Stop(*app, request.reason().empty() ? "by request" : request.reason().substr(0, 200));
  co_await p_.lifecycle.WaitStopped(*app);
  pb::StopAppResponse response;
  response.set_containers_stopped(outcome.containers_stopped);
  response.set_calls_cancelled(outcome.calls_cancelled);
  co_return response;
}

net::Task<Status> AppService::Watch(const std::string& workspace, const pb::WatchAppRequest& request,
                                    api::Writer<pb::AppEvent> writer) {
  App* found = p_.apps.Find(workspace, AppId(request.app_id()));
  if (!found) co_return Fail(Code::kNotFound, "there is no app {}", request.app_id().substr(0, kMaxNameBytes));
  auto app = found->shared_from_this();
  struct Watcher {
    std::weak_ptr<AppLifecycle> lifecycle;
    std::shared_ptr<App> app;
    uint64_t position;
    Watcher(AppLifecycle& owner, std::shared_ptr<App> watched)
        : lifecycle(owner.weak_from_this()), app(std::move(watched)), position(app->watched_to) {
      owner.WatcherCame(*app);
    }
    ~Watcher() {
      app->watched_to = std::max(app->watched_to, position);
      if (auto owner = lifecycle.lock()) owner->WatcherLeft(*app);
    }
  } watcher(p_.lifecycle, app);
  // A second watcher sees what happens from now on; one that comes back goes on where it was.
  if (app->watchers > 1) watcher.position = app->feed.end();
  pb::AppEvent first;
  *first.mutable_app() = Describe(*app);
  auto written = co_await writer.Write(first);
  BURROW_CO_RETURN_IF_ERROR(written);
  co_return co_await WatchFrom(*app, watcher.position, writer);
}

net::Task<Status> AppService::WatchFrom(App& app, uint64_t& position, api::Writer<pb::AppEvent>& writer) {
  for (;;) {
    if (position < app.feed.first()) {
      pb::AppEvent note;
      note.mutable_log()->set_time_ms(p_.clock.UnixMillis());
      note.mutable_log()->set_app_id(app.record.id.str());
      note.mutable_log()->set_stream(pb::LOG_STREAM_SYSTEM);
      note.mutable_log()->set_text(
          fmt::format("{} events are not shown: they came faster than they were read; see `burrow logs`",
                      app.feed.first() - position));
      position = app.feed.first();
      auto written = co_await writer.Write(note);
      BURROW_CO_RETURN_IF_ERROR(written);
    } else if (auto event = app.feed.At(position)) {
      position++;
      auto written = co_await writer.Write(*event);
      BURROW_CO_RETURN_IF_ERROR(written);
    } else if (app.feed.closed()) {
      co_return Status();
    } else if (!co_await app.feed.changed().Wait(p_.timings.heartbeat)) {
      pb::AppEvent heartbeat;
      *heartbeat.mutable_app() = Describe(app);
      auto written = co_await writer.Write(heartbeat);
      BURROW_CO_RETURN_IF_ERROR(written);
    }
  }
}

net::Task<Status> AppService::Logs(const std::string& workspace, const pb::LogsRequest& request,
                                   api::Writer<pb::LogsResponse> writer) {
  App* found = p_.apps.FindByIdOrName(workspace, request.app());
  if (!found)
    co_return Fail(Code::kNotFound, "there is no app '{}': see `burrow app ls --all`",
                   request.app().substr(0, kMaxNameBytes));
  auto app = found->shared_from_this();
  const LogFilter filter = FilterOf(request);
  auto snapshot = co_await p_.logs.Read(*app, request.tail(), filter);
  if (!snapshot) co_return Forward(std::move(snapshot.error()));
  constexpr size_t kBatch = 500;
  for (size_t begin = 0; begin < snapshot->lines.size(); begin += kBatch) {
    pb::LogsResponse response;
    for (size_t i = begin; i < std::min(begin + kBatch, snapshot->lines.size()); ++i)
      response.add_lines()->Swap(&snapshot->lines[i]);
    auto written = co_await writer.Write(response);
    BURROW_CO_RETURN_IF_ERROR(written);
  }
  if (!request.follow()) co_return Status();
  co_return co_await FollowLogs(*app, snapshot->feed_position, filter, writer);
}

net::Task<Status> AppService::FollowLogs(App& app, uint64_t position, const LogFilter& filter,
                                         api::Writer<pb::LogsResponse>& writer) {
  constexpr int kBatch = 500;
  for (;;) {
    pb::LogsResponse response;
    if (position < app.feed.first()) {
      auto& note = *response.add_lines();
      note.set_time_ms(p_.clock.UnixMillis());
      note.set_stream(pb::LOG_STREAM_SYSTEM);
      note.set_text("some lines are not shown: they came faster than they were read");
      position = app.feed.first();
    }
    while (response.lines_size() < kBatch) {
      auto event = app.feed.At(position);
      if (!event) break;
      position++;
      if (event->has_log() && filter.Takes(event->log())) *response.add_lines() = event->log();
    }
    bool caught_up = position >= app.feed.end();
    if (response.lines_size() == 0 && caught_up) {
      if (app.feed.closed() || app.stopped()) co_return Status();
      if (co_await app.feed.changed().Wait(p_.timings.heartbeat)) continue;
    }
    auto written = co_await writer.Write(response);
    BURROW_CO_RETURN_IF_ERROR(written);
  }
}

net::Task<Result<pb::ListContainersResponse>> AppService::ListContainers(const std::string& workspace) {
  pb::ListContainersResponse response;
  for (const Container* container : p_.containers.In(workspace)) *response.add_containers() = Describe(*container);
  for (const Worker* worker : p_.workers.Connected()) {
    auto& info = *response.add_workers();
    info.set_worker_id(worker->id.str());
    info.set_cpus(worker->cpus);
    info.set_memory_bytes(worker->memory);
    info.set_containers(static_cast<uint32_t>(worker->containers.size()));
    info.set_cache_bytes(worker->usage.cache_bytes());
    *info.mutable_cache() = worker->usage.cache();
    *info.mutable_imagefs() = worker->usage.imagefs();
    info.set_connections(worker->session);
  }
  co_return response;
}

}  // namespace burrow::control
