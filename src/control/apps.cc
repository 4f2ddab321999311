#include "control/apps.h"

#include <algorithm>

#include "control/calls.h"
#include "control/limits.h"

namespace burrow::control {

size_t ContainerCount(const App& app) {
  size_t count = 0;
  for (const auto& [name, function] : app.functions) count += function->containers.size();
  return count;
}

pb::AppInfo Describe(const App& app) {
  pb::AppInfo info;
  info.set_app_id(app.record.id.str());
  info.set_name(app.record.name);
  info.set_state(app.stopped() ? pb::APP_STATE_STOPPED : pb::APP_STATE_RUNNING);
  info.set_created_ms(app.record.created_ms);
  info.set_stopped_ms(app.record.stopped_ms);
  info.set_ephemeral(app.record.ephemeral);
  info.set_containers(static_cast<uint32_t>(ContainerCount(app)));
  uint32_t queued = 0, running = 0;
  for (const auto& [name, function] : app.functions) {
    queued += function->queued + static_cast<uint32_t>(function->delayed.size());
    running += function->running;
  }
  info.set_queued(queued);
  info.set_running(running);
  return info;
}

void AnnounceApp(App& app) {
  pb::AppEvent event;
  *event.mutable_app() = Describe(app);
  app.feed.Append(std::move(event));
}

AppTable::~AppTable() {
  for (const auto& [id, app] : apps_) {
    for (const auto& [name, function] : app->functions) {
      function->queue.clear();
      function->delayed.clear();
    }
  }
}

App& AppTable::Add(std::shared_ptr<App> app) {
  auto& slot = apps_[app->record.id];
  slot = std::move(app);
  return *slot;
}

App* AppTable::Find(const AppId& id) const {
  auto found = apps_.find(id);
  return found == apps_.end() ? nullptr : found->second.get();
}

App* AppTable::Find(const std::string& workspace, const AppId& id) const {
  App* app = Find(id);
  return app && app->record.workspace == workspace ? app : nullptr;
}

App* AppTable::FindByIdOrName(const std::string& workspace, std::string_view text) const {
  App* best = nullptr;
  auto rank = [](const App& app) { return std::pair(app.live(), app.record.created_ms); };
  for (const auto& [id, app] : apps_) {
    if (app->record.workspace != workspace) continue;
    if (id.str() == text) return app.get();
    if (app->record.name == text && (!best || rank(*app) >= rank(*best))) best = app.get();
  }
  return best;
}

App* AppTable::FindDeployed(const std::string& workspace, std::string_view id_or_name) const {
  App* newest = nullptr;
  for (const auto& [id, app] : apps_) {
    if (app->record.workspace != workspace || !app->live() || app->record.ephemeral) continue;
    if (id.str() == id_or_name) return app.get();
    const bool newer = !newest || app->record.created_ms >= newest->record.created_ms;
    if (app->record.name == id_or_name && newer) newest = app.get();
  }
  return newest;
}

Result<App*> AppTable::FindLive(const std::string& workspace, const AppId& id) const {
  App* app = Find(workspace, id);
  if (!app) return Fail(Code::kNotFound, "there is no app {}: create it first", id.str());
  if (!app->live())
    return Fail(Code::kFailedPrecondition, "the app {} has been stopped: run it again", app->record.name);
  return app;
}

std::shared_ptr<Function> AppTable::FindFunction(const FunctionId& id) const {
  auto found = functions_.find(id);
  return found == functions_.end() ? nullptr : found->second;
}

std::shared_ptr<Function> AppTable::FindFunction(const std::string& workspace, const FunctionId& id) const {
  auto function = FindFunction(id);
  return function && function->workspace == workspace ? function : nullptr;
}

void AppTable::Enter(const std::shared_ptr<Function>& function) {
  functions_[function->id] = function;
  function->app->functions[function->key()] = function;
}

void AppTable::Leave(const Function& function) {
  App& app = *function.app;
  functions_.erase(function.id);
  app.functions.erase(function.key());
}

void AppTable::LeaveFunctions(App& app) {
  for (const auto& [name, function] : app.functions) functions_.erase(function->id);
  app.functions.clear();  // their specifications name every source file
}

std::vector<App*> AppTable::All() const {
  std::vector<App*> all;
  all.reserve(apps_.size());
  for (const auto& [id, app] : apps_) all.push_back(app.get());
  std::ranges::sort(all, {}, [](const App* app) { return std::pair(app->record.created_ms, app->record.id); });
  return all;
}

std::vector<App*> AppTable::In(const std::string& workspace) const {
  auto apps = All();
  std::erase_if(apps, [&](const App* app) { return app->record.workspace != workspace; });
  return apps;
}

size_t AppTable::running() const {
  return static_cast<size_t>(std::ranges::count_if(apps_, [](const auto& entry) { return !entry.second->stopped(); }));
}

size_t AppTable::WaitingIn(const std::string& workspace) const {
  size_t waiting = 0;
  for (const auto& [id, app] : apps_) {
    if (app->record.workspace != workspace) continue;
    for (const auto& [key, function] : app->functions) waiting += function->waiting();
  }
  return waiting;
}

std::vector<AppId> AppTable::TrimStopped() {
  std::vector<AppId> trimmed;
  size_t stopped = apps_.size() - running();
  for (App* app : All()) {
    if (stopped <= kMaxStoppedApps) break;
    bool forgettable = app->stopped() && app->watchers == 0 && app->unfinished_stored == 0 && ContainerCount(*app) == 0;
    if (!forgettable) continue;
    trimmed.push_back(app->record.id);
    apps_.erase(trimmed.back());
    stopped--;
  }
  return trimmed;
}

std::vector<AppId> AppTable::Disown(const std::string& workspace) {
  std::vector<AppId> disowned;
  for (App* app : In(workspace)) {
    app->record.workspace.clear();
    disowned.push_back(app->record.id);
  }
  return disowned;
}

void AppTable::ClearFeeds(uint64_t unix_ms) {
  for (const auto& [id, app] : apps_) {
    if (app->stopped() && app->record.stopped_ms < unix_ms && app->watchers == 0 && !app->feed.empty())
      app->feed.Clear();
  }
}

}  // namespace burrow::control
