// The methods of burrow.v1.Images that build: Build, Logs, AnswerAgent.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/gateway.h"
#include "control/ongoing_build.h"

namespace burrow::control {

class ImageService {
 public:
  explicit ImageService(BuildServices services)
      : services_(services), logs_(std::make_shared<BuildLogs*>(&services.logs)) {}
  void Register(api::Gateway& gateway);
  // Indexes of the trees that builds work with now, by digest in hex.
  std::vector<std::string> TreesInUse() const;
  bool BuildsFor(const std::string& workspace) const;  // now

 private:
  using BuildWriter = api::Writer<pb::BuildEvent>;
  net::Task<Status> Build(const std::string& workspace, const pb::BuildRequest& request, BuildWriter writer);
  net::Task<Status> Logs(const std::string& workspace, const pb::BuildLogRequest& request,
                         api::Writer<pb::BuildLogLines> writer);
  net::Task<Result<pb::AgentAnswered>> AnswerAgent(const std::string& workspace, const pb::AgentAnswer& answer);

  BuildServices services_;
  std::shared_ptr<BuildLogs*> logs_;  // the sign of life for requests that are destroyed later
  std::map<std::string, std::weak_ptr<OngoingBuild>> ongoing_;  // by id
};

}  // namespace burrow::control
