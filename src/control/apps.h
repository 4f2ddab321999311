// Apps by id, with their functions and what happens in them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "control/feed.h"
#include "control/functions.h"
#include "control/messages.h"
#include "control/timer.h"
#include "net/event.h"
#include "store/store.h"

namespace burrow::control {

struct App : std::enable_shared_from_this<App> {
  App(net::IoContext& io, store::AppRecord app_record)
      : record(std::move(app_record)), feed(io), lonely(io), changed(io) {}

  store::AppRecord record;
  std::map<std::string, std::shared_ptr<Function>> functions;  // by name
  Feed feed;
  unsigned watchers = 0;
  uint64_t watched_to = 0;         // where in the feed the last watcher ended
  uint32_t unfinished_stored = 0;  // spawned calls that have not ended
  bool stopping = false;
  Timer lonely;        // armed: an ephemeral app that nobody watches
  net::Event changed;  // a container has gone, or the app has stopped

  bool stopped() const { return record.stopped_ms != 0; }
  bool live() const { return !stopping && !stopped(); }
};

size_t ContainerCount(const App& app);
pb::AppInfo Describe(const App& app);
void AnnounceApp(App& app);

// Loop's thread only. What is looked up for a request is looked up in its workspace: others' apps are not there.
class AppTable {
 public:
  AppTable() = default;
  // Drops the queues: their calls hold the functions in turn.
  ~AppTable();
  AppTable(const AppTable&) = delete;
  AppTable& operator=(const AppTable&) = delete;

  App& Add(std::shared_ptr<App> app);
  App* Find(const std::string& workspace, const AppId& id) const;
  // By id, or the newest of that name; running ones first.
  App* FindByIdOrName(const std::string& workspace, std::string_view text) const;
  // The running app of that id or name that lives on without a client.
  App* FindDeployed(const std::string& workspace, std::string_view id_or_name) const;
  // kNotFound or kFailedPrecondition, saying what to do, unless the app runs.
  Result<App*> FindLive(const std::string& workspace, const AppId& id) const;
  std::shared_ptr<Function> FindFunction(const std::string& workspace, const FunctionId& id) const;
  std::vector<App*> In(const std::string& workspace) const;  // oldest first

  // Of any workspace: for what the server does by itself.
  App* Find(const AppId& id) const;
  std::shared_ptr<Function> FindFunction(const FunctionId& id) const;
  void Enter(const std::shared_ptr<Function>& function);
  void Leave(const Function& function);  // which is destroyed once nobody else has it
  // The functions of a stopped app take no further calls, and are forgotten.
  void LeaveFunctions(App& app);
  std::vector<App*> All() const;  // oldest first
  size_t running() const;
  size_t WaitingIn(const std::string& workspace) const;  // calls in no container
  // Forgets the oldest stopped apps over the bound, and gives their ids.
  std::vector<AppId> TrimStopped();
  // Stopped apps of a workspace that is no more: nobody finds them, and they go with the oldest. Gives their ids.
  std::vector<AppId> Disown(const std::string& workspace);
  // Forgets the events of apps that stopped before `unix_ms`.
  void ClearFeeds(uint64_t unix_ms);

 private:
  std::map<AppId, std::shared_ptr<App>> apps_;
  std::unordered_map<FunctionId, std::shared_ptr<Function>> functions_;
};

}  // namespace burrow::control
