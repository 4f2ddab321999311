// burrow.v1.Deployments.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/gateway.h"
#include "control/app_service.h"
#include "control/schedules.h"
#include "net/event.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct DeploymentServiceParts {
  AppServiceParts apps;
  AppService& app_service;
  Schedules& schedules;
};

class DeploymentService {
 public:
  explicit DeploymentService(DeploymentServiceParts parts);
  void Register(api::Gateway& gateway);

 private:
  struct Rollout;
  struct Turn;
  net::Task<Result<pb::DeployResponse>> Deploy(const std::string& workspace, const pb::DeployRequest& request);
  net::Task<Result<pb::DeployResponse>> RollOut(const pb::PublishRequest& publish, std::shared_ptr<Rollout> rollout);
  net::Task<Result<std::shared_ptr<Turn>>> TakeTurn();
  net::Task<Status> LoadSchedules(const pb::PublishRequest& publish, Rollout& rollout);
  Result<std::shared_ptr<App>> AppFor(const std::string& workspace, const std::string& name, bool& created) const;
  Status Prepare(const pb::PublishRequest& publish, Rollout& rollout);
  void Store(const std::shared_ptr<Rollout>& rollout);
  void Enter(Rollout& rollout, uint32_t version);
  void RemoveOthers(const Rollout& rollout);

  net::Task<Result<pb::FindAppResponse>> FindApp(const std::string& workspace, const pb::FindAppRequest& request);
  net::Task<Result<pb::FindFunctionResponse>> FindFunction(const std::string& workspace,
                                                           const pb::FindFunctionRequest& request);
  net::Task<Result<pb::DeploymentHistoryResponse>> History(const std::string& workspace,
                                                           const pb::DeploymentHistoryRequest& request);
  net::Task<Result<pb::FunctionStats>> Stats(const std::string& workspace, const pb::FunctionStatsRequest& request);
  net::Task<Result<pb::UpdateAutoscalerResponse>> UpdateAutoscaler(const std::string& workspace,
                                                                   const pb::UpdateAutoscalerRequest& request);
  Result<App*> FindDeployed(const std::string& workspace, const std::string& name) const;
  // By id, as the app's own containers know it, any that runs; by name a deployed app, or else the newest one that runs
  // for as long as its client does, as of `burrow serve`.
  Result<App*> FindCallable(const std::string& workspace, const std::string& id_or_name) const;
  Result<std::shared_ptr<Function>> FindById(const std::string& workspace, const std::string& id) const;

  DeploymentServiceParts p_;
  std::shared_ptr<bool> busy_ = std::make_shared<bool>(false);  // somebody deploys
  std::shared_ptr<net::Event> freed_;
};

}  // namespace burrow::control
