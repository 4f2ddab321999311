#include "control/volume_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "control/limits.h"
#include "control/near_names.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

pb::VolumeInfo Describe(const store::VolumeRecord& record) {
  pb::VolumeInfo info;
  info.set_volume_id(record.id.str());
  info.set_name(record.name);
  info.set_created_ms(record.created_ms);
  info.set_changed_ms(record.head.changed_ms);
  info.set_version(record.head.version);
  info.set_files(record.head.files);
  info.set_bytes(record.head.bytes);
  return info;
}

bool HasVolume(const Function& function, const std::string& volume_id) {
  const auto& mounts = function.spec.function().volumes();
  return std::ranges::any_of(mounts, [&](const pb::VolumeMount& mount) { return mount.volume_id() == volume_id; });
}

}  // namespace

void VolumeService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::CreateVolumeRequest, pb::CreateVolumeResponse>(
      "burrow.v1.Volumes/Create", [this](const auto& by, const auto& r) { return Create(by.workspace, r); });
  gateway.AddUnary<pb::GetVolumeRequest, pb::GetVolumeResponse>(
      "burrow.v1.Volumes/Get", [this](const auto& by, const auto& r) { return Get(by.workspace, r); });
  gateway.AddUnary<pb::ListVolumesRequest, pb::ListVolumesResponse>(
      "burrow.v1.Volumes/List", [this](const auto& by, const auto&) { return List(by.workspace); });
  gateway.AddUnary<pb::RenameVolumeRequest, pb::RenameVolumeResponse>(
      "burrow.v1.Volumes/Rename", [this](const auto& by, const auto& r) { return Rename(by.workspace, r); });
  gateway.AddUnary<pb::DeleteVolumeRequest, pb::DeleteVolumeResponse>(
      "burrow.v1.Volumes/Delete", [this](const auto& by, const auto& r) { return Delete(by.workspace, r); });
  gateway.AddUnary<pb::VolumeEntriesRequest, pb::VolumeEntriesResponse>(
      "burrow.v1.Volumes/Entries", [this](const auto& by, const auto& r) { return Entries(by.workspace, r); });
  gateway.AddUnary<pb::ChangeVolumeRequest, pb::ChangeVolumeResponse>(
      "burrow.v1.Volumes/Change", [this](const auto& by, const auto& r) { return Change(by.workspace, r); });
  gateway.AddUnary<pb::CommitVolumeRequest, pb::CommitVolumeResponse>(
      "burrow.v1.Volumes/Commit", [this](const auto& by, const auto& r) { return Commit(by, r); });
  gateway.AddUnary<pb::ReloadVolumeRequest, pb::ReloadVolumeResponse>(
      "burrow.v1.Volumes/Reload", [this](const auto& by, const auto& r) { return Reload(by, r); });
}

Result<const store::VolumeRecord*> VolumeService::Need(const std::string& workspace, const std::string& id) const {
  if (const auto* record = p_.volumes.Find(workspace, VolumeId(id))) return record;
  return Fail(Code::kNotFound, "there is no volume '{}': see `burrow volume list`", id.substr(0, kMaxNameBytes));
}

std::unexpected<Error> VolumeService::NoVolumeNamed(const std::string& workspace, const std::string& name) const {
  std::vector<std::string> names;
  for (const auto* record : p_.volumes.In(workspace)) names.push_back(record->name);
  return Fail(Code::kNotFound,
              "there is no volume '{}'{}: make it with `burrow volume create`, or see `burrow volume list`", name,
              DidYouMean(name, names));
}

net::Task<Result<pb::CreateVolumeResponse>> VolumeService::Create(const std::string& workspace,
                                                                  const pb::CreateVolumeRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckName("a volume's name", request.name()));
  pb::CreateVolumeResponse response;
  const auto* known = p_.volumes.FindNamed(workspace, request.name());
  if (known && request.may_exist()) {
    *response.mutable_volume() = Describe(*known);
    co_return response;
  }
  auto created = co_await p_.volumes.Create(workspace, request.name());
  // Somebody else may have been first.
  known = p_.volumes.FindNamed(workspace, request.name());
  if (!created && created.error().code() == Code::kAlreadyExists && known && request.may_exist()) {
    *response.mutable_volume() = Describe(*known);
    co_return response;
  }
  BURROW_CO_RETURN_IF_ERROR(created);
  *response.mutable_volume() = Describe(*created);
  co_return response;
}

net::Task<Result<pb::GetVolumeResponse>> VolumeService::Get(const std::string& workspace,
                                                            const pb::GetVolumeRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckName("a volume's name", request.name()));
  const auto* record = p_.volumes.FindNamed(workspace, request.name());
  if (!record) co_return NoVolumeNamed(workspace, request.name());
  pb::GetVolumeResponse response;
  *response.mutable_volume() = Describe(*record);
  co_return response;
}

net::Task<Result<pb::ListVolumesResponse>> VolumeService::List(const std::string& workspace) {
  pb::ListVolumesResponse response;
  for (const auto* record : p_.volumes.In(workspace)) *response.add_volumes() = Describe(*record);
  co_return response;
}

net::Task<Result<pb::RenameVolumeResponse>> VolumeService::Rename(const std::string& workspace,
                                                                  const pb::RenameVolumeRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(const auto* record, Need(workspace, request.volume_id()));
  BURROW_CO_RETURN_IF_ERROR(CheckName("a volume's name", request.name()));
  const VolumeId id = record->id;
  BURROW_CO_RETURN_IF_ERROR(co_await p_.volumes.Rename(id, request.name()));
  co_return pb::RenameVolumeResponse();
}

Status VolumeService::CheckUnused(const store::VolumeRecord& record) const {
  const std::string& id = record.id.str();
  for (const App* app : p_.apps.In(record.workspace)) {
    if (!app->live()) continue;
    for (const auto& [key, function] : app->functions) {
      if (function->removed || !HasVolume(*function, id)) continue;
      return Fail(Code::kFailedPrecondition,
                  "the volume '{}' belongs to {} of the running app {}: stop it first (`burrow app stop {}`)",
                  record.name, Label(*function), app->record.name, app->record.name);
    }
  }
  for (const Container* container : p_.containers.In(record.workspace)) {
    if (!container->heads.Has(id)) continue;
    return Fail(Code::kFailedPrecondition,
                "the container {} of {} has the volume '{}': wait for its end, which `burrow ps` shows",
                container->id.str(), Label(*container->function), record.name);
  }
  return {};
}

net::Task<Result<pb::DeleteVolumeResponse>> VolumeService::Delete(const std::string& workspace,
                                                                  const pb::DeleteVolumeRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(const auto* record, Need(workspace, request.volume_id()));
  BURROW_CO_RETURN_IF_ERROR(CheckUnused(*record));
  const VolumeId id = record->id;
  BURROW_CO_RETURN_IF_ERROR(co_await p_.volumes.Delete(id));
  co_return pb::DeleteVolumeResponse();
}

net::Task<Result<pb::VolumeEntriesResponse>> VolumeService::Entries(const std::string& workspace,
                                                                    const pb::VolumeEntriesRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(const auto* record, Need(workspace, request.volume_id()));
  const VolumeId id = record->id;
  co_return co_await p_.volumes.Entries(id, request);
}

net::Task<Result<pb::ChangeVolumeResponse>> VolumeService::Change(const std::string& workspace,
                                                                  const pb::ChangeVolumeRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(const auto* record, Need(workspace, request.volume_id()));
  const VolumeId id = record->id;
  if (!request.digest().empty()) BURROW_CO_RETURN_IF_ERROR(CheckDigest(request.digest()));
  if (!request.digest().empty() && request.changes().changes_size() > 0)
    co_return Fail(Code::kInvalidArgument, "changes come in the request or in a blob, not in both");
  VolumeEdit edit{.changes = request.changes(), .digest = request.digest()};
  if (request.keep_existing()) edit.existing = Existing::kKept;
  BURROW_CO_RETURN_IF_ERROR(co_await p_.volumes.Change(id, std::move(edit)));
  BURROW_CO_ASSIGN_OR_RETURN(record, Need(workspace, id.str()));
  pb::ChangeVolumeResponse response;
  *response.mutable_volume() = Describe(*record);
  co_return response;
}

net::Task<Result<uint64_t>> VolumeService::Ask(const api::Caller& by, const std::string& volume_id,
                                               VolumeLink::Wish wish) {
  BURROW_CO_ASSIGN_OR_RETURN(const auto* record, Need(by.workspace, volume_id));
  if (by.container.empty())
    co_return Fail(Code::kFailedPrecondition,
                   "only a function in a container commits and reloads the volume '{}': what other programs change is "
                   "in it at once",
                   record->name);
  Container* container = p_.containers.Find(by.workspace, by.container);
  if (!container || !container->heads.Has(volume_id)) {
    co_return Fail(Code::kFailedPrecondition,
                   "this container does not have the volume '{}': name it in @app.function(volumes={{...}})",
                   record->name);
  }
  co_return co_await p_.link.Ask(*container, volume_id, wish);
}

net::Task<Result<pb::CommitVolumeResponse>> VolumeService::Commit(const api::Caller& by,
                                                                  const pb::CommitVolumeRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(const uint64_t version, co_await Ask(by, request.volume_id(), VolumeLink::Wish::kCommit));
  pb::CommitVolumeResponse response;
  response.set_version(version);
  co_return response;
}

net::Task<Result<pb::ReloadVolumeResponse>> VolumeService::Reload(const api::Caller& by,
                                                                  const pb::ReloadVolumeRequest& request) {
  BURROW_CO_ASSIGN_OR_RETURN(const uint64_t version, co_await Ask(by, request.volume_id(), VolumeLink::Wish::kReload));
  pb::ReloadVolumeResponse response;
  response.set_version(version);
  co_return response;
}

}  // namespace burrow::control
