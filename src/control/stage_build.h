// One stage of a Dockerfile: its instructions in order upon its base.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "builder/file_copy.h"
#include "control/dockerfile_build.h"

namespace burrow::control {

// Loop's thread only; one coroutine.
class StageBuild {
 public:
  StageBuild(std::shared_ptr<DockerfileBuild> whole, size_t number)
      : whole_(std::move(whole)), build_(whole_->build), number_(number), stage_(whole_->NameOf(number)) {}

  net::Task<Result<BuiltStage>> Run();

 private:
  using Instruction = dockerfile::ExpandedInstruction;
  net::Task<Status> Do(const Instruction& instruction);
  Status Configure(const Instruction& instruction);
  net::Task<Status> MakeWorkdir(const Instruction& instruction);
  net::Task<Status> Copy(const Instruction& instruction);
  net::Task<Status> RunCommand(const Instruction& instruction);

  // The digest of what a copy would take; remembered but for downloads without a checksum.
  struct Selection {
    std::shared_ptr<builder::FileCopy> copy;  // null where the digest was remembered
    cas::Digest fingerprint;
  };
  net::Task<Result<Selection>> Select(const dockerfile::Copy& copy, const lpb::Image& source);
  net::Task<Result<std::shared_ptr<builder::FileCopy>>> SelectNow(const dockerfile::Copy& copy,
                                                                  const lpb::Image& source);

  void FeedOperation(StepKey& key, const lpb::RunOperation& operation, const std::string& script) const;
  // Mounts as the worker gets them, and what of them belongs to the step's key.
  net::Task<Status> AddMount(const dockerfile::RunMount& mount, lpb::RunOperation& operation, StepKey& key);
  Status AddSecret(const dockerfile::RunMount& mount, lpb::RunOperation& operation) const;
  Status AddAgent(const dockerfile::RunMount& mount, lpb::RunOperation& operation) const;

  StepCall CallOf(const Instruction& instruction, std::string key) const;
  net::Task<Status> TakeOver(Result<BuiltTree> built);  // the step's tree becomes the stage's

  std::shared_ptr<DockerfileBuild> whole_;
  std::shared_ptr<OngoingBuild> build_;
  size_t number_;
  std::string stage_;
  BuiltTree tree_;
  dockerfile::BuildArgs declared_;
  bool base_cmd_ = true;             // the CMD is the base's
  size_t position_ = 0, count_ = 0;  // of steps that change the tree
};

}  // namespace burrow::control
