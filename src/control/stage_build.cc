#include "control/stage_build.h"

#include <utility>

#include "builder/config_edits.h"
#include "builder/owner.h"
#include "builder/working_directory.h"

namespace burrow::control {
namespace {

bool ChangesTree(const dockerfile::Instruction& instruction) { return !builder::ChangesConfigurationOnly(instruction); }

dockerfile::StageStart StartOf(const BuiltStage& base) {
  const lpb::Image& image = base.tree.image;
  return {.env = {image.env().begin(), image.env().end()},
          .workdir = image.workdir(),
          .shell = {image.shell().begin(), image.shell().end()},
          .on_build = {image.on_build().begin(), image.on_build().end()},
          .args = base.args};
}

}  // namespace

net::Task<Result<BuiltStage>> StageBuild::Run() {
  auto base = co_await whole_->BaseOf(number_);
  BURROW_CO_RETURN_IF_ERROR(base);
  BURROW_CO_ASSIGN_OR_RETURN(
      auto expanded, dockerfile::ExpandStage(whole_->file(), number_, whole_->plan(), whole_->args(), StartOf(*base)));
  for (const auto& note : expanded.notes) build_->Note(note);
  tree_ = std::move(base->tree);
  declared_ = expanded.args;
  tree_.image.clear_on_build();
  for (const auto& one : expanded.instructions) count_ += ChangesTree(one.instruction);
  for (const auto& one : expanded.instructions) {
    BURROW_CO_RETURN_IF_ERROR(build_->Check());
    BURROW_CO_RETURN_IF_ERROR(co_await Do(one));
    auto& entry = *tree_.image.add_history();
    entry.set_created_by(one.instruction.original);
    entry.set_empty_layer(!ChangesTree(one.instruction));
    entry.set_created_ms(ChangesTree(one.instruction) ? tree_.created_ms : build_->services.clock.UnixMillis());
  }
  co_return BuiltStage{.tree = std::move(tree_), .args = std::move(expanded.args)};
}

net::Task<Status> StageBuild::Do(const Instruction& instruction) {
  const auto& kind = instruction.instruction.kind;
  if (ChangesTree(instruction.instruction)) position_++;
  if (std::holds_alternative<dockerfile::Run>(kind)) co_return co_await RunCommand(instruction);
  if (std::holds_alternative<dockerfile::Copy>(kind)) co_return co_await Copy(instruction);
  if (std::holds_alternative<dockerfile::Workdir>(kind)) co_return co_await MakeWorkdir(instruction);
  co_return Configure(instruction);
}

Status StageBuild::Configure(const Instruction& instruction) {
  auto status = builder::ApplyConfiguration(tree_.image, instruction, base_cmd_);
  if (std::holds_alternative<dockerfile::Cmd>(instruction.instruction.kind)) base_cmd_ = false;
  if (status) return status;
  return std::unexpected(
      dockerfile::ErrorAt(whole_->file(), instruction.instruction.position, status.error().message()));
}

StepCall StageBuild::CallOf(const Instruction& instruction, std::string key) const {
  return {.key = std::move(key),
          .description =
              ShortText(fmt::format("[{} {}/{}] {}", stage_, position_, count_, instruction.instruction.original)),
          .stage = stage_,
          .place = fmt::format("{}:{}", whole_->file().file, instruction.instruction.position.line),
          .fresh = whole_->IsFresh(number_)};
}

net::Task<Status> StageBuild::TakeOver(Result<BuiltTree> built) {
  BURROW_CO_RETURN_IF_ERROR(built);
  tree_.image.set_index_digest(built->image.index_digest());
  tree_.files = built->files;
  tree_.bytes = built->bytes;
  tree_.created_ms = built->created_ms;
  co_return Status();
}

net::Task<Status> StageBuild::MakeWorkdir(const Instruction& instruction) {
  std::string path = std::get<dockerfile::Workdir>(instruction.instruction.kind).path;
  BURROW_CO_RETURN_IF_ERROR(Configure(instruction));
  auto options = build_->tree_options();
  const std::string& user = tree_.image.user();
  std::string key = StepKey("workdir", tree_.image).Feed(path).Feed(user).Feed(options.source_date_epoch).Finish();
  auto call = CallOf(instruction, key);
  auto make = [this, path, options](uint32_t) -> net::Task<Result<BuiltTree>> {
    co_return co_await build_->OnDisk(
        [&trees = build_->services.trees, parent = tree_.image, path, options]() -> Result<BuiltTree> {
          BURROW_ASSIGN_OR_RETURN(auto tree, trees.Load(parent));
          builder::Ownership owner;
          if (!parent.user().empty()) {
            BURROW_ASSIGN_OR_RETURN(owner, builder::FindOwner(tree, parent.user(), trees.CopyServices(options).read));
          }
          BURROW_RETURN_IF_ERROR(builder::MakeWorkingDirectory(tree, path, owner));
          return trees.Store(tree, parent, options);
        });
  };
  co_return co_await TakeOver(co_await build_->Local(call, make));
}

}  // namespace burrow::control
