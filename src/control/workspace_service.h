// burrow.v1.Workspaces.
#pragma once

#include <functional>
#include <string>

#include "api/gateway.h"
#include "base/clock.h"
#include "control/app_log.h"
#include "control/apps.h"
#include "control/background.h"
#include "control/containers.h"
#include "control/hot_sets.h"
#include "control/image_storage.h"
#include "control/images.h"
#include "control/messages.h"
#include "control/secret_table.h"
#include "control/tokens.h"
#include "control/volumes.h"
#include "control/workspaces.h"
#include "store/store.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct WorkspaceServiceParts {
  const Clock& clock;
  WorkspaceTable& workspaces;
  const Tokens& tokens;
  AppTable& apps;
  AppLogs& logs;
  const ContainerTable& containers;
  ImageTable& images;
  ImageStorage& storage;
  SecretTable& secrets;
  Volumes& volumes;
  HotSets& hot_sets;
  store::Store& store;
  Background& store_thread;
  std::function<bool(const std::string& workspace)> has_builds;
  std::function<net::Task<uint32_t>(const std::string& workspace)> prune_cache_mounts;
  std::function<scheduler::WorkspaceShare(const std::string& workspace)> share_of;  // of all that it may have
  std::function<void()> limits_changed;  // functions that wait for room may have it now
};

// Loop's thread only.
class WorkspaceService {
 public:
  explicit WorkspaceService(WorkspaceServiceParts parts) : p_(std::move(parts)) {}
  void Register(api::Gateway& gateway);

 private:
  net::Task<Result<pb::CreateWorkspaceResponse>> Create(const pb::CreateWorkspaceRequest& request);
  net::Task<Result<pb::ListWorkspacesResponse>> List();
  net::Task<Result<pb::UpdateWorkspaceResponse>> Update(const pb::UpdateWorkspaceRequest& request);
  net::Task<Result<pb::DeleteWorkspaceResponse>> Delete(const pb::DeleteWorkspaceRequest& request);

  pb::WorkspaceInfo Describe(const store::WorkspaceRecord& record) const;
  // kFailedPrecondition, saying what to do, where something of it goes on.
  Status CheckUnused(const std::string& name) const;
  void Forget(const std::string& name);

  WorkspaceServiceParts p_;
};

}  // namespace burrow::control
