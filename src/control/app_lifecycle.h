// When apps end: on request, or when an ephemeral one has lost its client.
//
// An ephemeral app lives while somebody watches it. Nobody watching for 60 s after its creation, or for 20 s after the
// last watcher left or burrowd started again, it is stopped; spawned calls that have not ended keep it alive until they
// have, and the 20 s count from then.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "control/app_log.h"
#include "control/apps.h"
#include "control/autoscaling.h"
#include "control/background.h"
#include "control/dispatcher.h"
#include "control/limits.h"
#include "store/store.h"

namespace burrow::control {

struct StopOutcome {
  uint32_t containers_stopped = 0;
  uint32_t calls_cancelled = 0;
};

// Loop's thread only. Held by a shared_ptr, so that a request that is destroyed after it does not ask for it.
class AppLifecycle : public std::enable_shared_from_this<AppLifecycle> {
 public:
  AppLifecycle(net::IoContext& io, const Clock& clock, const Timings& timings, AppTable& apps, Dispatcher& dispatcher,
               Autoscaler& autoscaler, AppLogs& logs, store::Store& store, Background& store_thread)
      : io_(io),
        clock_(clock),
        timings_(timings),
        apps_(apps),
        dispatcher_(dispatcher),
        autoscaler_(autoscaler),
        logs_(logs),
        store_(store),
        store_thread_(store_thread) {}

  // The app is new (no watcher has come yet), or was found again at a start.
  void Begin(App& app, bool found_again);
  void WatcherCame(App& app);
  void WatcherLeft(App& app);
  void CallStored(App& app) { app.unfinished_stored++; }
  void StoredCallFinished(App& app);

  // Begins to stop the app; what it had is in the outcome. The app is marked stopped once its containers have gone, or
  // in 10 s.
  StopOutcome Stop(App& app, const std::string& reason);
  // Waits until the app is marked stopped and that is stored.
  net::Task<void> WaitStopped(App& app);
  // Forgets the oldest stopped apps over the bound: their names, functions and logs.
  void TrimStopped();
  // Nothing is stopped by itself any more.
  void Close() { closed_ = true; }

 private:
  void ArmLonely(App& app, Millis patience);
  net::Task<void> FinishStop(AppId id);
  void MarkStopped(App& app);

  net::IoContext& io_;
  const Clock& clock_;
  const Timings& timings_;
  AppTable& apps_;
  Dispatcher& dispatcher_;
  Autoscaler& autoscaler_;
  AppLogs& logs_;
  store::Store& store_;
  Background& store_thread_;
  bool closed_ = false;
};

}  // namespace burrow::control
