#include "control/app_lifecycle.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "net/detached.h"

namespace burrow::control {

void AppLifecycle::Begin(App& app, bool found_again) {
  ArmLonely(app, found_again ? timings_.last_watch : timings_.first_watch);
}

void AppLifecycle::WatcherCame(App& app) {
  app.watchers++;
  app.lonely.Cancel();
}

void AppLifecycle::WatcherLeft(App& app) {
  app.watchers--;
  if (app.watchers == 0) ArmLonely(app, timings_.last_watch);
}

void AppLifecycle::StoredCallFinished(App& app) {
  app.unfinished_stored--;
  if (app.unfinished_stored == 0 && !app.lonely.armed()) ArmLonely(app, timings_.last_watch);
}

void AppLifecycle::ArmLonely(App& app, Millis patience) {
  if (closed_ || !app.record.ephemeral || !app.live() || app.watchers > 0) return;
  app.lonely.Start(patience, [this, &app] {
    bool wanted = app.watchers > 0 || app.unfinished_stored > 0;  // asked again when the last such call ends
    if (closed_ || !app.live() || wanted) return;
    logs_.Note(app, "the app is stopped: its client has gone");
    Stop(app, "its client has gone");
  });
}

StopOutcome AppLifecycle::Stop(App& app, const std::string& reason) {
  StopOutcome outcome;
  if (!app.live()) return outcome;
  LogInfo("app {} ({}) stops: {}", app.record.name, app.record.id.str(), reason);
  app.stopping = true;
  app.lonely.Cancel();
  for (const auto& [name, function] : app.functions) {
    autoscaler_.Forget(*function);
    outcome.calls_cancelled += dispatcher_.CancelAll(*function, "the app was stopped: " + reason);
    for (Container* container : function->containers) {
      autoscaler_.Stop(*container, "the app was stopped", timings_.stop_grace);
      outcome.containers_stopped++;
    }
  }
  net::RunDetached(io_, FinishStop(app.record.id), "stop of an app");
  return outcome;
}

net::Task<void> AppLifecycle::FinishStop(AppId id) {
  App* app = apps_.Find(id);
  auto deadline = clock_.Now() + timings_.stop_grace + timings_.stop_deadline;
  while (ContainerCount(*app) > 0 && clock_.Now() < deadline) {
    co_await app->changed.Wait(std::chrono::ceil<Millis>(deadline - clock_.Now()));
  }
  std::vector<Container*> left;
  for (const auto& [name, function] : app->functions)
    left.insert(left.end(), function->containers.begin(), function->containers.end());
  for (Container* container : left) dispatcher_.OnLost(*container);
  MarkStopped(*app);
}

void AppLifecycle::MarkStopped(App& app) {
  app.record.stopped_ms = clock_.UnixMillis();
  apps_.LeaveFunctions(app);
  AnnounceApp(app);
  app.feed.Close();
  store_thread_.Run([&store = store_, record = app.record] { return store.PutApp(record); },
                    [this, id = app.record.id](const Status& status) {
                      if (!status)
                        LogError("app {} could not be marked stopped: {}", id.str(), status.error().message());
                      if (App* stored = apps_.Find(id)) {
                        stored->stopping = false;
                        stored->changed.Notify();
                      }
                      TrimStopped();
                    });
}

void AppLifecycle::TrimStopped() {
  auto trimmed = apps_.TrimStopped();
  if (trimmed.empty()) return;
  logs_.Remove(trimmed);
  store_thread_.Run([&store = store_, trimmed] { return store.DropApps(trimmed); },
                    [](const Status& status) {
                      if (!status) LogError("old apps could not be forgotten: {}", status.error().message());
                    });
}

net::Task<void> AppLifecycle::WaitStopped(App& app) {
  AppId id = app.record.id;
  auto deadline = clock_.Now() + 2 * (timings_.stop_grace + timings_.stop_deadline);
  for (App* found = apps_.Find(id); found && found->stopping && clock_.Now() < deadline; found = apps_.Find(id)) {
    co_await found->changed.Wait(Millis(1'000));
  }
}

}  // namespace burrow::control
