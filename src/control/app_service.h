// burrow.v1.Apps and burrow.v1.Containers.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "api/gateway.h"
#include "cas/blob_store.h"
#include "control/app_lifecycle.h"
#include "control/app_log.h"
#include "control/apps.h"
#include "control/autoscaling.h"
#include "control/background.h"
#include "control/containers.h"
#include "control/dispatcher.h"
#include "control/hot_sets.h"
#include "control/images.h"
#include "control/secret_table.h"
#include "control/volumes.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct AppServiceParts {
  net::IoContext& io;
  const Clock& clock;
  const Timings& timings;
  AppTable& apps;
  ImageTable& images;
  ContainerTable& containers;
  Dispatcher& dispatcher;
  Autoscaler& autoscaler;
  AppLifecycle& lifecycle;
  AppLogs& logs;
  store::Store& store;
  Background& store_thread;
  cas::BlobStore& blobs;
  Background& disk;
  WorkerPool& workers;
  const SecretTable& secrets;
  const Volumes& volumes;
  HotSets& hot_sets;
};

class AppService {
 public:
  explicit AppService(AppServiceParts parts) : p_(parts) {}
  void Register(api::Gateway& gateway);

  // Functions and their source as far as that needs no app. `request` outlives the task.
  net::Task<Status> Check(const pb::PublishRequest& request) const;
  // A function for each of the request's, and one for each variant of its classes, that are to be entered once they are
  // stored. Each has the id of the one that it replaces.
  Result<std::vector<std::shared_ptr<Function>>> PrepareAll(App& app, const pb::PublishRequest& request) const;
  // Makes them the app's; gives the ids of those that are no variants, by name.
  std::map<std::string, FunctionId> EnterAll(App& app, const std::vector<std::shared_ptr<Function>>& prepared);
  // The app has it no more: what is in it ends, nothing else begins. `why` is for the calls that wait.
  void Remove(Function& function, const std::string& why);

 private:
  FunctionId Enter(App& app, const std::shared_ptr<Function>& prepared);  // gives the id in effect
  void EnterLateVariants(App& app, const std::map<std::string, FunctionId>& ids, const std::set<std::string>& keys);
  net::Task<Result<pb::CreateAppResponse>> Create(const std::string& workspace, const pb::CreateAppRequest& request);
  net::Task<Result<pb::PublishResponse>> Publish(const std::string& workspace, const pb::PublishRequest& request);
  Result<std::shared_ptr<Function>> Prepare(App& app, const pb::FunctionSpec& spec,
                                            const pb::PublishRequest& request) const;
  net::Task<Result<pb::ListAppsResponse>> List(const std::string& workspace, const pb::ListAppsRequest& request);
  net::Task<Result<pb::StopAppResponse>> Stop(const std::string& workspace, const pb::StopAppRequest& request);
  net::Task<Status> Watch(const std::string& workspace, const pb::WatchAppRequest& request,
                          api::Writer<pb::AppEvent> writer);
  net::Task<Status> WatchFrom(App& app, uint64_t& position, api::Writer<pb::AppEvent>& writer);
  net::Task<Status> Logs(const std::string& workspace, const pb::LogsRequest& request,
                         api::Writer<pb::LogsResponse> writer);
  net::Task<Status> FollowLogs(App& app, uint64_t position, const LogFilter& filter,
                               api::Writer<pb::LogsResponse>& writer);
  net::Task<Result<pb::ListContainersResponse>> ListContainers(const std::string& workspace);

  AppServiceParts p_;
};

}  // namespace burrow::control
