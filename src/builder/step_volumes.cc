#include "builder/step_volumes.h"

namespace burrow::builder {

Status StepVolumes::Mount(StepMounts& mounts) {
  if (context_.step.volumes_size() > 0 && context_.links.volumes == nullptr)
    return Fail(Code::kUnimplemented, "this worker cannot commit volumes while it builds");
  for (const auto& asked : context_.step.volumes()) {
    const std::string directory = fmt::format("{}/volume-{}", directory_, volumes_.size());
    BURROW_ASSIGN_OR_RETURN(auto volume, volume::LiveVolume::Mount(context_.services.images, asked, directory));
    mounts.AddBind({.source = volume->tree(), .target = volume->path(), .read_only = volume->read_only()});
    mounts.AddWritten(volume->directory());
    volumes_.push_back(std::move(volume));
  }
  return {};
}

Status StepVolumes::Commit() {
  for (const auto& volume : volumes_) {
    Status committed = CommitOne(*volume);
    if (!committed)
      return Forward(std::move(committed.error()).WithContext(fmt::format("commit the volume at {}", volume->path())));
  }
  return {};
}

Status StepVolumes::CommitOne(volume::LiveVolume& volume) {
  BURROW_ASSIGN_OR_RETURN(const auto prepared, volume.Prepare(*context_.services.store));
  if (prepared.digest.empty()) return {};
  burrow::link::v1::VolumeChanged changed;
  changed.set_owner_id(context_.step.step_id());
  changed.set_volume_id(volume.id());
  changed.set_sequence(1);
  changed.set_changes_digest(prepared.digest);
  return context_.links.volumes->Tell(changed, context_.deadline, context_.cancellation);
}

}  // namespace burrow::builder
