#include "control/image_catalog.h"

#include <algorithm>
#include <utility>

#include "control/recipe_checks.h"

namespace burrow::control {
namespace {

constexpr Millis kPruneDeadline(30'000);

bool Contains(const std::vector<std::string>& list, const std::string& text) {
  return std::ranges::find(list, text) != list.end();
}

pb::InspectResponse Describe(const lpb::Image& image) {
  pb::InspectResponse response;
  *response.mutable_env() = image.env();
  response.set_workdir(image.workdir());
  response.set_user(image.user());
  *response.mutable_entrypoint() = image.entrypoint();
  *response.mutable_cmd() = image.cmd();
  *response.mutable_shell() = image.shell();
  *response.mutable_labels() = image.labels();
  *response.mutable_exposed_ports() = image.exposed_ports();
  *response.mutable_volumes() = image.volumes();
  response.set_stop_signal(image.stop_signal());
  if (image.has_healthcheck()) *response.mutable_healthcheck() = image.healthcheck();
  *response.mutable_on_build() = image.on_build();
  response.set_author(image.author());
  *response.mutable_history() = image.history();
  return response;
}

}  // namespace

void ImageCatalog::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::ListImagesRequest, pb::ListImagesResponse>(
      "burrow.v1.Images/List", [this](const auto& by, const auto&) { return List(by.workspace); });
  gateway.AddUnary<pb::InspectRequest, pb::InspectResponse>(
      "burrow.v1.Images/Inspect", [this](const auto& by, const auto& r) { return Inspect(by.workspace, r); });
  gateway.AddUnary<pb::TagRequest, pb::TagResponse>(
      "burrow.v1.Images/Tag", [this](const auto& by, const auto& r) { return Tag(by.workspace, r); });
  gateway.AddUnary<pb::RemoveImagesRequest, pb::RemoveImagesResponse>(
      "burrow.v1.Images/Remove", [this](const auto& by, const auto& r) { return Remove(by.workspace, r); });
  gateway.AddUnary<pb::PruneRequest, pb::PruneResponse>(
      "burrow.v1.Images/Prune", [this](const auto& by, const auto& r) { return Prune(by.workspace, r); });
}

net::Task<Result<pb::ListImagesResponse>> ImageCatalog::List(const std::string& workspace) {
  pb::ListImagesResponse response;
  for (const ImageEntry* entry : parts_.images.In(workspace))
    *response.add_images() = parts_.images.Describe(entry->record.id);
  co_return response;
}

net::Task<Result<pb::InspectResponse>> ImageCatalog::Inspect(const std::string& workspace,
                                                             const pb::InspectRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(const ImageEntry* entry, parts_.records.Find(workspace, request.image()));
  auto response = Describe(entry->image);
  *response.mutable_info() = parts_.images.Describe(entry->record.id);
  co_return response;
}

net::Task<Result<pb::TagResponse>> ImageCatalog::Tag(const std::string& workspace, const pb::TagRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckImageName(request.name()));
  BURROW_CO_ASSIGN_OR_RETURN(const ImageEntry* entry, parts_.records.Find(workspace, request.image()));
  ImageId id = entry->record.id;
  BURROW_CO_RETURN_IF_ERROR(co_await parts_.records.Name(workspace, id, {request.name()}));
  pb::TagResponse response;
  *response.mutable_image() = parts_.images.Describe(id);
  co_return response;
}

Status ImageCatalog::AddRemoval(const std::string& workspace, const std::string& text, bool force,
                                ImageRecords::Removal& removal) const {
  BURROW_ASSIGN_OR_RETURN(const ImageEntry* entry, parts_.records.Find(workspace, text));
  const ImageId& id = entry->record.id;
  auto names = parts_.images.NamesOf(id);
  bool by_id = text == id.str();
  if (by_id && names.size() > 1 && !force) {
    return Fail(Code::kFailedPrecondition, "the image {} has {} names: remove these, or add --force", text,
                names.size());
  }
  if (by_id) {
    removal.names.insert(removal.names.end(), names.begin(), names.end());
    removal.images.push_back(id);
    return {};
  }
  removal.names.push_back(CanonicalName(text));
  auto is_removed = [&](const std::string& other) { return Contains(removal.names, other); };
  if (std::ranges::all_of(names, is_removed)) removal.images.push_back(id);
  return {};
}

net::Task<Result<pb::RemoveImagesResponse>> ImageCatalog::Remove(const std::string& workspace,
                                                                 const pb::RemoveImagesRequest& request) {
  ImageRecords::Removal removal;
  for (const auto& text : request.images())
    BURROW_CO_RETURN_IF_ERROR(AddRemoval(workspace, text, request.force(), removal));
  BURROW_CO_RETURN_IF_ERROR(co_await parts_.records.Remove(workspace, removal));
  pb::RemoveImagesResponse response;
  for (auto& name : removal.names) response.add_removed_names(std::move(name));
  for (const auto& id : removal.images) response.add_removed_images(id.str());
  co_return response;
}

bool ImageCatalog::IsUsed(const ImageId& id) const {
  for (const App* app : parts_.apps.All()) {
    if (!app->live()) continue;
    for (const auto& [name, function] : app->functions) {
      if (function->spec.function().image_id() == id.str()) return true;
    }
  }
  return false;
}

net::Task<uint32_t> ImageCatalog::PruneCacheMounts(const std::string& workspace) {
  auto workers = parts_.workers.Connected();
  answers_ = 0;
  pruned_ = 0;
  lpb::FromControl question;
  question.mutable_prune_caches()->set_workspace(workspace);
  for (Worker* worker : workers) worker->Send(question);
  auto deadline = parts_.clock.Now() + kPruneDeadline;
  while (answers_ < workers.size() && parts_.clock.Now() < deadline) co_await caches_pruned_.Wait(kPruneDeadline);
  co_return pruned_;
}

void ImageCatalog::OnCachesPruned(const lpb::CachesPruned& pruned) {
  answers_++;
  pruned_ += pruned.removed();
  caches_pruned_.Notify();
}

net::Task<Result<pb::PruneResponse>> ImageCatalog::Prune(const std::string& workspace,
                                                         const pb::PruneRequest& request) {
  pb::PruneResponse response;
  if (request.images()) {
    ImageRecords::Removal removal;
    for (const ImageEntry* entry : parts_.images.In(workspace)) {
      const ImageId& id = entry->record.id;
      if (parts_.images.NamesOf(id).empty() && !IsUsed(id)) removal.images.push_back(id);
    }
    BURROW_CO_RETURN_IF_ERROR(co_await parts_.records.Remove(workspace, removal));
    response.set_images(static_cast<uint32_t>(removal.images.size()));
  }
  if (request.steps()) {
    auto dropped = co_await parts_.store_thread.Ask(
        [&store = parts_.store, scope = parts_.workspaces.CacheScope(workspace)] { return store.DropSteps(scope); });
    BURROW_CO_RETURN_IF_ERROR(dropped);
    response.set_steps(static_cast<uint32_t>(*dropped));
  }
  if (request.cache_mounts()) response.set_cache_mounts(co_await PruneCacheMounts(workspace));
  co_return response;
}

}  // namespace burrow::control
