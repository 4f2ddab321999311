#include "control/volume_mounts.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/paths.h"
#include "control/attached_checks.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

std::string_view Shown(std::string_view path) { return path.substr(0, 200); }

Status CheckPathApart(const std::string& path, const std::vector<std::string_view>& others) {
  for (const auto other : others) {
    if (!IsAtOrBelow(path, other) && !IsAtOrBelow(other, path)) continue;
    return Fail(Code::kInvalidArgument,
                "a volume cannot be mounted at '{}' together with what is at '{}': name paths that are not inside of "
                "each other",
                Shown(path), Shown(other));
  }
  return {};
}

}  // namespace

Status CheckVolumeMounts(const pb::FunctionSpec& spec) {
  if (spec.volumes_size() > kMaxMounts)
    return Fail(Code::kInvalidArgument, "{}() has more than {} volumes", spec.name(), kMaxMounts);
  std::vector<std::string_view> taken;
  for (const auto& attached : spec.attached()) taken.push_back(attached.destination());
  std::set<std::string_view> ids;
  for (const auto& mount : spec.volumes()) {
    BURROW_RETURN_IF_ERROR(CheckId<VolumeId>(mount.volume_id(), VolumeTag::kPrefix));
    BURROW_RETURN_IF_ERROR(CheckDestination("a volume", mount.path()));
    BURROW_RETURN_IF_ERROR(CheckPathApart(mount.path(), taken));
    taken.push_back(mount.path());
    if (!ids.insert(mount.volume_id()).second)
      return Fail(Code::kInvalidArgument, "{}() has a volume twice: mount it at one path", spec.name());
  }
  return {};
}

Status FindMounts(const Volumes& volumes, const std::string& workspace, const pb::FunctionSpec& spec) {
  for (const auto& mount : spec.volumes()) {
    if (volumes.Find(workspace, VolumeId(mount.volume_id()))) continue;
    return Fail(Code::kNotFound,
                "the volume {} that {}() has at '{}' is not there: see `burrow volume list`, and run or deploy again",
                mount.volume_id().substr(0, 64), spec.name(), Shown(mount.path()));
  }
  return {};
}

google::protobuf::RepeatedPtrField<lpb::MountedVolume> MountsOf(const Volumes& volumes, const pb::FunctionSpec& spec) {
  google::protobuf::RepeatedPtrField<lpb::MountedVolume> mounts;
  for (const auto& mount : spec.volumes()) {
    const auto* record = volumes.Find(VolumeId(mount.volume_id()));
    if (!record) continue;  // FindMounts has said so
    auto& mounted = *mounts.Add();
    mounted.set_volume_id(mount.volume_id());
    mounted.set_path(mount.path());
    mounted.set_read_only(mount.read_only());
    mounted.set_index_digest(record->head.index_digest);
    mounted.set_version(record->head.version);
  }
  return mounts;
}

void GivenHeads::NoteStart(const google::protobuf::RepeatedPtrField<lpb::MountedVolume>& mounts) {
  for (const auto& mount : mounts)
    volumes_[mount.volume_id()].heads.push_back({mount.version(), mount.index_digest(), true});
}

void GivenHeads::NoteTold(const std::string& volume, const std::string& index_digest, uint64_t version) {
  const auto found = volumes_.find(volume);
  if (found == volumes_.end()) return;
  auto& [heads, reloads] = found->second;
  std::erase_if(heads, [](const Head& head) { return !head.may_be_mounted; });
  if (std::ranges::find(heads, version, &Head::version) != heads.end()) return;
  heads.push_back({version, index_digest, reloads > 0});
}

void GivenHeads::BeginReload(const std::string& volume) {
  const auto found = volumes_.find(volume);
  if (found == volumes_.end()) return;
  found->second.reloads++;
  for (auto& head : found->second.heads) head.may_be_mounted = true;
}

void GivenHeads::EndReload(const std::string& volume, std::optional<uint64_t> version) {
  const auto found = volumes_.find(volume);
  if (found == volumes_.end()) return;
  auto& [heads, reloads] = found->second;
  if (reloads > 0) reloads--;
  if (version) std::erase_if(heads, [&](const Head& head) { return head.version < *version; });
}

std::vector<std::string> GivenHeads::trees() const {
  std::vector<std::string> trees;
  for (const auto& [volume, mount] : volumes_) {
    for (const auto& head : mount.heads) trees.push_back(head.index_digest);
  }
  return trees;
}

}  // namespace burrow::control
