#include "control/recipe_build.h"

#include <utility>
#include <vector>

#include "builder/config_edits.h"
#include "builder/tree_edits.h"
#include "control/base_images.h"
#include "control/dockerfile_build.h"
#include "control/volume_mounts.h"

namespace burrow::control {
namespace {

using Kind = pb::ImageStep::KindCase;

// One recipe while its steps are taken.
class Recipe {
 public:
  explicit Recipe(std::shared_ptr<OngoingBuild> build) : build_(std::move(build)) {}
  net::Task<Result<BuiltTree>> Run();

 private:
  net::Task<Status> CheckUploads();
  net::Task<Status> Take(const pb::ImageStep& step, bool first);
  Status Configure(const pb::ImageStep& step);
  net::Task<Status> EditTree(const pb::ImageStep& step);
  net::Task<Status> InContainer(const pb::ImageStep& step);
  StepCall CallOf(const pb::ImageStep& step) const;
  void Remember(const pb::ImageStep& step, bool changes_tree);

  std::shared_ptr<OngoingBuild> build_;
  BuiltTree tree_;
  bool base_cmd_ = true;
};

bool ChangesConfigurationOnly(const pb::ImageStep& step) {
  return step.kind_case() == Kind::kEnv || step.kind_case() == Kind::kStart;
}

// Before anything is built.
net::Task<Status> Recipe::CheckUploads() {
  const auto& services = build_->services;
  for (const auto& step : build_->request.steps()) {
    BURROW_CO_RETURN_IF_ERROR(co_await CheckUploaded(step.add_files().files(), services.blobs, services.disk));
    BURROW_CO_RETURN_IF_ERROR(co_await CheckUploaded(step.run_function().source(), services.blobs, services.disk));
    BURROW_CO_RETURN_IF_ERROR(FindMounts(services.volumes, build_->workspace, step.run_function().function()));
  }
  co_return Status();
}

net::Task<Result<BuiltTree>> Recipe::Run() {
  BURROW_CO_RETURN_IF_ERROR(co_await CheckUploads());
  const auto& steps = build_->request.steps();
  for (int i = 0; i < steps.size(); ++i) {
    BURROW_CO_RETURN_IF_ERROR(build_->Check());
    BURROW_CO_RETURN_IF_ERROR(co_await Take(steps[i], i == 0));
  }
  co_return std::move(tree_);
}

net::Task<Status> Recipe::Take(const pb::ImageStep& step, bool first) {
  if (step.has_base() || step.has_dockerfile()) {
    auto parent = first ? std::nullopt : std::optional(tree_);
    auto made = step.has_base() ? co_await MakeBase(build_, step, build_->request.no_cache() || step.fresh(), {})
                                : co_await DockerfileBuild::Run(build_, step, parent);
    BURROW_CO_RETURN_IF_ERROR(made);
    tree_ = std::move(*made);
    co_return Status();
  }
  if (ChangesConfigurationOnly(step)) co_return Configure(step);
  if (step.has_workdir() || step.has_add_files()) co_return co_await EditTree(step);
  co_return co_await InContainer(step);
}

Status Recipe::Configure(const pb::ImageStep& step) {
  if (step.has_env()) {
    BURROW_RETURN_IF_ERROR(builder::SetEnvironment(tree_.image, step.env()));
  } else {
    BURROW_RETURN_IF_ERROR(builder::ApplyStart(tree_.image, step.start(), base_cmd_));
    if (step.start().has_cmd()) base_cmd_ = false;
  }
  Remember(step, false);
  return {};
}

// Everything that a process in the step sees belongs to its key.
StepCall Recipe::CallOf(const pb::ImageStep& step) const {
  lpb::Image seen;
  *seen.mutable_env() = tree_.image.env();
  seen.set_workdir(tree_.image.workdir());
  seen.set_user(tree_.image.user());
  *seen.mutable_shell() = tree_.image.shell();
  StepKey key("recipe", tree_.image);
  key.Feed(seen).Feed(AsKeyed(step)).Feed(build_->tree_options().source_date_epoch);
  return {.key = key.Finish(), .description = DescribeStep(step), .fresh = build_->request.no_cache() || step.fresh()};
}

net::Task<Status> Recipe::EditTree(const pb::ImageStep& step) {
  auto call = CallOf(step);
  auto options = build_->tree_options();
  auto edit = [this, &step, options](uint32_t) -> net::Task<Result<BuiltTree>> {
    co_return co_await build_->OnDisk(
        [&trees = build_->services.trees, image = tree_.image, step, options]() mutable -> Result<BuiltTree> {
          BURROW_ASSIGN_OR_RETURN(auto tree, trees.Load(image));
          BURROW_RETURN_IF_ERROR(step.has_workdir() ? builder::SetWorkdir(tree, image, step.workdir())
                                                    : builder::AddFiles(tree, step.add_files()));
          return trees.Store(tree, std::move(image), options);
        });
  };
  auto built = co_await build_->Local(call, edit);
  BURROW_CO_RETURN_IF_ERROR(built);
  if (step.has_workdir()) tree_.image.set_workdir(built->image.workdir());
  tree_.image.set_index_digest(built->image.index_digest());
  tree_.files = built->files;
  tree_.bytes = built->bytes;
  Remember(step, true);
  co_return Status();
}

net::Task<Status> Recipe::InContainer(const pb::ImageStep& step) {
  auto call = CallOf(step);
  auto execute = [this, &call, &step](uint32_t number) {
    lpb::BuildStep work;
    *work.mutable_parent() = tree_.image;
    work.mutable_parent()->clear_history();
    *work.mutable_step() = step;
    for (auto& [name, value] : SecretsOf(step, build_->secrets))
      (*work.mutable_secret_environment())[name] = std::move(value);
    *work.mutable_volumes() = MountsOf(build_->services.volumes, step.run_function().function());
    return build_->OnWorker(call, std::move(work), number);
  };
  auto built = co_await build_->Step(call, execute);
  BURROW_CO_RETURN_IF_ERROR(built);
  tree_.image.set_index_digest(built->image.index_digest());
  tree_.files = built->files;
  tree_.bytes = built->bytes;
  Remember(step, true);
  co_return Status();
}

void Recipe::Remember(const pb::ImageStep& step, bool changes_tree) {
  auto& entry = *tree_.image.add_history();
  entry.set_created_by(DescribeStep(step));
  entry.set_empty_layer(!changes_tree);
  entry.set_created_ms(build_->services.clock.UnixMillis());
}

}  // namespace

net::Task<Result<ImageId>> RunRecipe(std::shared_ptr<OngoingBuild> build) {
  auto built = co_await Recipe(build).Run();
  BURROW_CO_RETURN_IF_ERROR(built);
  const auto& last = build->request.steps(build->request.steps_size() - 1);
  KeptImage kept{.workspace = build->workspace,
                 .tree = std::move(*built),
                 .description = DescribeStep(last),
                 .build = build->id.str()};
  kept.names.assign(build->request.names().begin(), build->request.names().end());
  co_return co_await build->services.records.Keep(std::move(kept));
}

net::Task<Status> CheckUploaded(const google::protobuf::RepeatedPtrField<pb::SourceFile>& files, cas::BlobStore& blobs,
                                Background& disk) {
  auto digests = std::make_shared<std::vector<cas::Digest>>();
  for (const auto& file : files) {
    if (file.size() > 0) digests->push_back(*cas::Digest::FromHex(file.digest()));
  }
  if (digests->empty()) co_return Status();
  auto missing = co_await disk.Ask([&blobs, digests] { return blobs.Missing(*digests); });
  if (!missing) co_return Forward(std::move(missing.error()));
  if (missing->empty()) co_return Status();
  auto first = missing->front().Hex();
  for (const auto& file : files) {
    if (file.digest() == first) {
      co_return Fail(Code::kFailedPrecondition,
                     "{} of {} files are not uploaded, such as '{}': PUT them to /blobs first", missing->size(),
                     files.size(), file.path());
    }
  }
  co_return Fail(Code::kFailedPrecondition, "{} files are not uploaded: PUT them to /blobs first", missing->size());
}

}  // namespace burrow::control
