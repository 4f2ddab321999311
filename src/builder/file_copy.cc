#include "builder/file_copy.h"

#include "builder/copy_fingerprint.h"
#include "builder/copy_selection.h"
#include "builder/copy_target.h"
#include "builder/mode_change.h"
#include "builder/owner.h"
#include "builder/tree_path.h"
#include "builder/unpacked_entries.h"

namespace burrow::builder {

struct FileCopy::State {
  dockerfile::Copy copy;
  std::optional<ModeChange> mode;
  std::vector<CopySource> sources;

  Status Put(image::TreeNode& root, const CopyChanges& changes, const CopyServices& services) const;
};

FileCopy::FileCopy(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileCopy::FileCopy(FileCopy&&) noexcept = default;
FileCopy& FileCopy::operator=(FileCopy&&) noexcept = default;
FileCopy::~FileCopy() = default;

Result<FileCopy> FileCopy::Select(const image::Tree& source, const dockerfile::Copy& copy,
                                  std::vector<std::pair<std::string, image::TreeInode>> downloads,
                                  const CopyServices& services) {
  auto state = std::make_unique<State>(State{.copy = copy});
  if (!copy.destination.starts_with('/') || copy.destination.find('\0') != std::string::npos)
    return Fail(Code::kInvalidArgument, "the destination '{}' is not absolute", copy.destination);
  if (!copy.chmod.empty()) {
    BURROW_ASSIGN_OR_RETURN(state->mode, ModeChange::Parse(copy.chmod));
  }
  BURROW_ASSIGN_OR_RETURN(state->sources, SelectSources(source, copy, std::move(downloads), services));
  return FileCopy(std::move(state));
}

cas::Digest FileCopy::Fingerprint() const { return FingerprintCopy(state_->copy, state_->sources); }

Status FileCopy::Apply(image::Tree& target, const CopyServices& services) const {
  if (state_->sources.empty()) return {};
  CopyChanges changes{.mode = state_->mode};
  if (!state_->copy.chown.empty()) {
    BURROW_ASSIGN_OR_RETURN(changes.owner, FindOwner(target, state_->copy.chown, services.read));
  }
  if (!state_->copy.link) return state_->Put(target.root(), changes, services);
  image::Tree linked;
  BURROW_RETURN_IF_ERROR(state_->Put(linked.root(), changes, services));
  MergeLinked(target.root(), linked.root(), CleanPath(state_->copy.destination));
  return {};
}

Status FileCopy::State::Put(image::TreeNode& root, const CopyChanges& changes, const CopyServices& services) const {
  CopyTarget target(root, copy.destination, changes);
  for (const CopySource& source : sources) {
    if (source.unpack) {
      BURROW_ASSIGN_OR_RETURN(auto entries, services.unpack(*source.items.front().inode));
      if (entries) {
        BURROW_ASSIGN_OR_RETURN(image::TreeNode * directory, target.MakeDirectory());
        BURROW_RETURN_IF_ERROR(PutUnpacked(*directory, *entries, changes.owner));
        continue;
      }
    }
    BURROW_RETURN_IF_ERROR(target.Put(source, sources.size() == 1));
  }
  return {};
}

}  // namespace burrow::builder
