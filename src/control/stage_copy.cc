// COPY and ADD of a stage.
#include <utility>

#include "control/stage_build.h"
#include "dockerfile/expand_copy.h"

namespace burrow::control {
namespace {

using dockerfile::IsUrl;

bool HasDownloads(const dockerfile::Copy& copy) { return copy.add && std::ranges::any_of(copy.sources, IsUrl); }

// What a URL gives may be another file tomorrow, unless its checksum says which one.
bool IsSettled(const dockerfile::Copy& copy) { return !HasDownloads(copy) || !copy.checksum.empty(); }

using Downloads = std::vector<std::pair<std::string, image::TreeInode>>;

Result<Downloads> DownloadAll(const TreeWork& trees, const dockerfile::Copy& copy, const DownloadLimits& limits) {
  Downloads downloads;
  for (const auto& source : copy.sources) {
    if (!IsUrl(source)) continue;
    BURROW_ASSIGN_OR_RETURN(auto file, trees.Download(source, copy.checksum, limits));
    if (file.first.empty() && copy.destination.ends_with('/'))
      return Fail(Code::kInvalidArgument, "{} gives its file no name: name it in the destination", source);
    downloads.push_back(std::move(file));
  }
  return downloads;
}

}  // namespace

net::Task<Result<std::shared_ptr<builder::FileCopy>>> StageBuild::SelectNow(const dockerfile::Copy& copy,
                                                                            const lpb::Image& source) {
  auto options = build_->tree_options();
  const TreeWork& trees = build_->services.trees;
  Downloads downloads;
  if (HasDownloads(copy)) {
    DownloadLimits limits{.stop = options.stop, .deadline = std::chrono::steady_clock::now() + build_->step_timeout()};
    auto fetched =
        co_await build_->services.downloads.Ask([&trees, copy, limits] { return DownloadAll(trees, copy, limits); });
    BURROW_CO_ASSIGN_OR_RETURN(downloads, std::move(fetched));
  }
  auto select = [&trees, copy, source, options, downloads]() mutable -> Result<std::shared_ptr<builder::FileCopy>> {
    BURROW_ASSIGN_OR_RETURN(auto tree, trees.Load(source));
    BURROW_ASSIGN_OR_RETURN(auto selected,
                            builder::FileCopy::Select(tree, copy, std::move(downloads), trees.CopyServices(options)));
    return std::make_shared<builder::FileCopy>(std::move(selected));
  };
  co_return co_await build_->OnDisk(std::move(select));
}

net::Task<Result<StageBuild::Selection>> StageBuild::Select(const dockerfile::Copy& copy, const lpb::Image& source) {
  StepKey key("selection", source);
  FeedCopy(key, copy);
  std::string name = "selection " + key.Finish();
  const bool remembers = IsSettled(copy);
  if (remembers && !whole_->IsFresh(number_)) {
    if (auto known = co_await build_->services.cache.FindDigest(name)) co_return Selection{.fingerprint = *known};
  }
  auto selected = co_await SelectNow(copy, source);
  BURROW_CO_RETURN_IF_ERROR(selected);
  Selection selection{.copy = *selected, .fingerprint = (*selected)->Fingerprint()};
  if (remembers) BURROW_CO_RETURN_IF_ERROR(co_await build_->services.cache.PutDigest(name, selection.fingerprint));
  co_return selection;
}

net::Task<Status> StageBuild::Copy(const Instruction& instruction) {
  const auto& copy = std::get<dockerfile::Copy>(instruction.instruction.kind);
  auto source = co_await whole_->SourceOf(number_, copy.from);
  BURROW_CO_RETURN_IF_ERROR(source);
  auto options = build_->tree_options();
  auto selection = co_await Select(copy, *source);
  if (!selection) {
    co_return std::unexpected(
        dockerfile::ErrorAt(whole_->file(), instruction.instruction.position, selection.error().message()));
  }
  std::string key =
      StepKey("copy", tree_.image).Feed(selection->fingerprint.Hex()).Feed(options.source_date_epoch).Finish();
  auto apply = [this, &copy, &source, &selection, options](uint32_t) -> net::Task<Result<BuiltTree>> {
    if (!selection->copy) {
      BURROW_CO_ASSIGN_OR_RETURN(selection->copy, co_await SelectNow(copy, *source));
    }
    co_return co_await build_->OnDisk([&trees = build_->services.trees, parent = tree_.image, chosen = selection->copy,
                                       options]() -> Result<BuiltTree> {
      BURROW_ASSIGN_OR_RETURN(auto tree, trees.Load(parent));
      BURROW_RETURN_IF_ERROR(chosen->Apply(tree, trees.CopyServices(options)));
      return trees.Store(tree, parent, options);
    });
  };
  co_return co_await TakeOver(co_await build_->Local(CallOf(instruction, key), apply));
}

}  // namespace burrow::control
