#include "control/image_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "control/recipe_build.h"
#include "control/recipe_checks.h"
#include "net/detached.h"

namespace burrow::control {
namespace {

constexpr size_t kLinesInAMessage = 1'000;

struct BuildOutcome {
  std::optional<Result<ImageId>> image;
};

net::Task<void> RunToTheEnd(std::shared_ptr<OngoingBuild> build, std::shared_ptr<BuildOutcome> outcome) {
  try {
    outcome->image = co_await RunRecipe(build);
  } catch (const std::exception& e) {
    outcome->image = Fail(Code::kInternal, "the build broke off: {}", e.what());
  }
  build->Wake();
}

net::Task<Status> WriteEvents(OngoingBuild& build, api::Writer<pb::BuildEvent>& writer) {
  while (auto event = build.TakeEvent()) BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(*event));
  co_return Status();
}

}  // namespace

void ImageService::Register(api::Gateway& gateway) {
  gateway.AddServerStream<pb::BuildRequest, pb::BuildEvent>(
      "burrow.v1.Images/Build",
      [this](const auto& by, const auto& r, auto writer) { return Build(by.workspace, r, writer); });
  gateway.AddServerStream<pb::BuildLogRequest, pb::BuildLogLines>(
      "burrow.v1.Images/Logs",
      [this](const auto& by, const auto& r, auto writer) { return Logs(by.workspace, r, writer); });
  gateway.AddUnary<pb::AgentAnswer, pb::AgentAnswered>(
      "burrow.v1.Images/AnswerAgent", [this](const auto& by, const auto& r) { return AnswerAgent(by.workspace, r); });
}

std::vector<std::string> ImageService::TreesInUse() const {
  std::vector<std::string> trees;
  for (const auto& [id, weak] : ongoing_) {
    if (auto build = weak.lock()) trees.insert(trees.end(), build->trees().begin(), build->trees().end());
  }
  return trees;
}

bool ImageService::BuildsFor(const std::string& workspace) const {
  return std::ranges::any_of(ongoing_, [&](const auto& one) {
    const auto build = one.second.lock();
    return build && build->workspace == workspace;
  });
}

net::Task<Status> ImageService::Build(const std::string& workspace, const pb::BuildRequest& request,
                                      BuildWriter writer) {
  BURROW_CO_RETURN_IF_ERROR(CheckRecipe(request));
  BURROW_CO_ASSIGN_OR_RETURN(auto secrets, OpenBuildSecrets(services_.secrets, workspace, request));
  auto build = std::make_shared<OngoingBuild>(services_, workspace, request, std::move(secrets));
  // Whatever ends the request, its client's leaving too, ends the build.
  struct Leaving {
    ~Leaving() {
      build->Cancel();
      if (auto kept = logs.lock()) (*kept)->End(build->log_id());
    }
    std::shared_ptr<OngoingBuild> build;
    std::weak_ptr<BuildLogs*> logs;  // gone with the service
  } leaving{build, logs_};
  std::erase_if(ongoing_, [](const auto& one) { return one.second.expired(); });
  ongoing_[build->id.str()] = build;
  services_.logs.Begin();
  pb::BuildEvent first;
  first.set_build_id(build->id.str());
  BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(first));
  auto outcome = std::make_shared<BuildOutcome>();
  net::RunDetached(services_.io, RunToTheEnd(build, outcome), "build " + build->id.str());
  while (!outcome->image) {
    BURROW_CO_RETURN_IF_ERROR(co_await WriteEvents(*build, writer));
    if (outcome->image || co_await build->WaitForChange()) continue;
    BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(pb::BuildEvent()));  // a client does not wait in silence for hours
  }
  BURROW_CO_RETURN_IF_ERROR(co_await WriteEvents(*build, writer));
  if (!*outcome->image) services_.logs.Append(build->log_id(), outcome->image->error().message());
  BURROW_CO_RETURN_IF_ERROR(*outcome->image);
  pb::BuildEvent last;
  *last.mutable_image() = services_.images.Describe(**outcome->image);
  co_return co_await writer.Write(last);
}

net::Task<Status> ImageService::Logs(const std::string& workspace, const pb::BuildLogRequest& request,
                                     api::Writer<pb::BuildLogLines> writer) {
  std::string build = request.build();
  if (!IsIdText(BuildTag::kPrefix, build)) {
    BURROW_CO_ASSIGN_OR_RETURN(const ImageEntry* image, services_.records.Find(workspace, build));
    build = image->record.build;
    if (build.empty())
      co_return Fail(Code::kNotFound, "no build made the image '{}': it was imported", request.build());
  }
  auto lines = co_await services_.logs.Read({workspace, BuildId(build)});
  BURROW_CO_RETURN_IF_ERROR(lines);
  for (size_t i = 0; i < lines->size(); i += kLinesInAMessage) {
    pb::BuildLogLines message;
    for (size_t j = i; j < std::min(lines->size(), i + kLinesInAMessage); ++j) message.add_lines((*lines)[j]);
    BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(message));
  }
  co_return Status();
}

net::Task<Result<pb::AgentAnswered>> ImageService::AnswerAgent(const std::string& workspace,
                                                               const pb::AgentAnswer& answer) {
  auto found = ongoing_.find(answer.build_id());
  auto build = found == ongoing_.end() ? nullptr : found->second.lock();
  if (!build || build->workspace != workspace)
    co_return Fail(Code::kNotFound, "there is no build '{}' that runs", answer.build_id().substr(0, 100));
  build->AnswerAgent(answer.connection(), answer.message());
  co_return pb::AgentAnswered();
}

}  // namespace burrow::control
