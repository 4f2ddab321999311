// The stages of one Dockerfile, side by side where nothing keeps them apart.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "control/ongoing_build.h"
#include "dockerfile/expand_stage.h"
#include "dockerfile/plan.h"

namespace burrow::control {

// A stage that is done.
struct BuiltStage {
  BuiltTree tree;
  dockerfile::BuildArgs args;  // that stages upon it inherit
};

// Held by a shared_ptr by the coroutine of each stage. Loop's thread only.
class DockerfileBuild : public std::enable_shared_from_this<DockerfileBuild> {
 public:
  // `parent`: what a fragment goes on upon; a whole Dockerfile has none.
  static net::Task<Result<BuiltTree>> Run(std::shared_ptr<OngoingBuild> build, pb::ImageStep step,
                                          std::optional<BuiltTree> parent);

  DockerfileBuild(std::shared_ptr<OngoingBuild> ongoing, pb::ImageStep image_step, std::optional<BuiltTree> parent)
      : build(std::move(ongoing)), step(std::move(image_step)), parent_(std::move(parent)) {}

  const std::shared_ptr<OngoingBuild> build;
  const pb::ImageStep step;  // a dockerfile

  const dockerfile::Dockerfile& file() const { return file_; }
  const dockerfile::Plan& plan() const { return plan_; }
  const dockerfile::BuildArgs& args() const { return args_; }
  // The build context, as an image that has nothing but a tree.
  const lpb::Image& context() const { return context_; }

  // Waits for another stage.
  net::Task<Result<BuiltStage>> AwaitStage(size_t number);
  // What a stage begins with, args included.
  net::Task<Result<BuiltStage>> BaseOf(size_t number);
  // What --from or from= means in the stage; empty: the context.
  net::Task<Result<lpb::Image>> SourceOf(size_t number, std::string from);
  std::string NameOf(size_t number) const;
  bool IsFresh(size_t number) const;  // the cache does not count for this stage

 private:
  Status Read();
  net::Task<Status> FindContext();
  Status Begin(size_t number);
  net::Task<void> BuildStage(size_t number);

  std::optional<BuiltTree> parent_;
  dockerfile::Dockerfile file_;
  dockerfile::Plan plan_;
  dockerfile::BuildArgs args_;
  lpb::Image context_;
  std::map<size_t, Result<BuiltStage>> done_;
};

}  // namespace burrow::control
