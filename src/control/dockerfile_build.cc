#include "control/dockerfile_build.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/log.h"
#include "control/base_images.h"
#include "control/stage_build.h"
#include "image/import.h"
#include "net/detached.h"
#include "oci/manifest.h"

namespace burrow::control {
namespace {

std::string OwnPlatformText() {
  auto own = oci::OwnPlatform();
  return own.os + "/" + own.architecture + (own.variant.empty() ? "" : "/" + own.variant);
}

}  // namespace

net::Task<Result<BuiltTree>> DockerfileBuild::Run(std::shared_ptr<OngoingBuild> build, pb::ImageStep step,
                                                  std::optional<BuiltTree> parent) {
  auto self = std::make_shared<DockerfileBuild>(build, std::move(step), std::move(parent));
  BURROW_CO_RETURN_IF_ERROR(self->Read());
  BURROW_CO_RETURN_IF_ERROR(co_await self->FindContext());
  std::vector<size_t> needed;
  for (const auto& [number, planned] : self->plan_.stages) needed.push_back(number);
  for (size_t number : needed)
    net::RunDetached(build->services.io, self->BuildStage(number), "stage " + self->NameOf(number));
  for (;;) {
    BURROW_CO_RETURN_IF_ERROR(build->Check());
    for (const auto& [number, outcome] : self->done_) {
      if (!outcome) co_return Forward(outcome.error());
    }
    auto target = self->done_.find(self->plan_.target);
    if (target != self->done_.end()) co_return target->second->tree;
    co_await build->WaitForChange();
  }
}

Status DockerfileBuild::Read() {
  std::string name = step.dockerfile().file().empty() ? "Dockerfile" : step.dockerfile().file();
  auto parsed = parent_ ? dockerfile::ParseFragment(step.dockerfile().text(), name)
                        : dockerfile::Parse(step.dockerfile().text(), name);
  if (!parsed) return Forward(std::move(parsed.error()));
  file_ = std::move(*parsed);
  args_.insert(step.dockerfile().build_args().begin(), step.dockerfile().build_args().end());
  BURROW_ASSIGN_OR_RETURN(plan_, dockerfile::MakePlan(file_, args_, step.dockerfile().target(), OwnPlatformText()));
  for (const auto& note : file_.notes) build->Note(note);
  for (const auto& arg : plan_.unused_args) build->Note(fmt::format("no ARG names the build argument {}", arg));
  return {};
}

net::Task<Status> DockerfileBuild::FindContext() {
  auto& services = build->services;
  auto manifest = cas::Digest::FromHex(step.dockerfile().context());
  if (!manifest && !step.dockerfile().context().empty())
    co_return Fail(Code::kInvalidArgument, "'{}' is no digest of a build context",
                   step.dockerfile().context().substr(0, 80));
  std::string key = "context 1 " + (manifest ? manifest->Hex() : "empty");
  auto known = co_await services.cache.FindDigest(key);
  auto found = co_await build->OnDisk([&services, manifest, known]() -> Result<cas::Digest> {
    if (known) {
      BURROW_ASSIGN_OR_RETURN(bool here, services.blobs.Has(*known));
      if (here) return *known;
    }
    image::Tree nothing;
    return manifest ? services.trees.StoreContext(*manifest) : image::PutIndex(nothing, services.blobs);
  });
  BURROW_CO_RETURN_IF_ERROR(found);
  if (found != known) BURROW_CO_RETURN_IF_ERROR(co_await services.cache.PutDigest(key, *found));
  context_.set_index_digest(found->Hex());
  build->Use(context_);
  co_return Status();
}

net::Task<void> DockerfileBuild::BuildStage(size_t number) {
  auto self = shared_from_this();
  Result<BuiltStage> outcome = Fail(Code::kInternal, "the stage {} broke off", NameOf(number));
  try {
    outcome = co_await StageBuild(self, number).Run();
  } catch (const std::exception& e) {
    LogError("stage {} of a build: {}", NameOf(number), e.what());
  }
  done_.emplace(number, std::move(outcome));
  build->Wake();
}

// Triggers of a base image may name stages that nothing else needs.
Status DockerfileBuild::Begin(size_t number) {
  if (plan_.stages.contains(number)) return {};
  BURROW_ASSIGN_OR_RETURN(auto more, dockerfile::MakePlan(file_, args_, std::to_string(number), OwnPlatformText()));
  for (auto& [stage, planned] : more.stages) {
    bool is_new = plan_.stages.emplace(stage, std::move(planned)).second;
    if (is_new) net::RunDetached(build->services.io, BuildStage(stage), "stage " + NameOf(stage));
  }
  return {};
}

net::Task<Result<BuiltStage>> DockerfileBuild::AwaitStage(size_t number) {
  BURROW_CO_RETURN_IF_ERROR(Begin(number));
  for (;;) {
    BURROW_CO_RETURN_IF_ERROR(build->Check());
    if (auto found = done_.find(number); found != done_.end()) co_return found->second;
    co_await build->WaitForChange();
  }
}

net::Task<Result<BuiltStage>> DockerfileBuild::BaseOf(size_t number) {
  if (parent_) co_return BuiltStage{.tree = *parent_};
  const auto& base = plan_.stages.at(number).base;
  if (const auto* stage = std::get_if<dockerfile::StageRef>(&base)) co_return co_await AwaitStage(stage->stage);
  auto found =
      co_await FindBase(build, std::get<dockerfile::ImageRef>(base).reference, IsFresh(number), NameOf(number));
  BURROW_CO_RETURN_IF_ERROR(found);
  co_return BuiltStage{.tree = std::move(*found)};
}

net::Task<Result<lpb::Image>> DockerfileBuild::SourceOf(size_t number, std::string from) {
  if (from.empty()) co_return context_;
  const auto& froms = plan_.stages.at(number).froms;
  dockerfile::Source source;
  if (auto found = froms.find(from); found != froms.end()) {
    source = found->second;
  } else {
    BURROW_CO_ASSIGN_OR_RETURN(source, dockerfile::ResolveFrom(file_, number, from));
  }
  if (const auto* stage = std::get_if<dockerfile::StageRef>(&source)) {
    auto built = co_await AwaitStage(stage->stage);
    BURROW_CO_RETURN_IF_ERROR(built);
    co_return std::move(built->tree.image);
  }
  auto found =
      co_await FindBase(build, std::get<dockerfile::ImageRef>(source).reference, /*fresh=*/false, NameOf(number));
  BURROW_CO_RETURN_IF_ERROR(found);
  co_return std::move(found->image);
}

std::string DockerfileBuild::NameOf(size_t number) const {
  const std::string& name = file_.stages.at(number).name;
  return name.empty() ? fmt::format("stage-{}", number) : name;
}

bool DockerfileBuild::IsFresh(size_t number) const {
  const auto& filter = build->request.no_cache_filter();
  auto names_it = [&](std::string name) {
    std::ranges::transform(name, name.begin(), ToLower);
    return name == file_.stages.at(number).name || name == std::to_string(number);
  };
  return build->request.no_cache() || step.fresh() || std::ranges::any_of(filter, names_it);
}

}  // namespace burrow::control
