// The methods of burrow.v1.Images that build: Build, Logs, AnswerAgent.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "api/gateway.h"
#include "control/ongoing_build.h"

namespace burrow::control {

class ImageService {
 public:
  explicit ImageService(BuildServices services) : services_(services) {}
  void Register(api::Gateway& gateway);

 private:
  using BuildWriter = api::Writer<pb::BuildEvent>;
  net::Task<Status> Build(const pb::BuildRequest& request, BuildWriter writer);
  net::Task<Status> Logs(const pb::BuildLogRequest& request, api::Writer<pb::BuildLogLines> writer);
  net::Task<Result<pb::AgentAnswered>> AnswerAgent(const pb::AgentAnswer& answer);

  BuildServices services_;
  std::map<std::string, std::weak_ptr<OngoingBuild>> ongoing_;  // by id
};

}  // namespace burrow::control
