#include "volume/change_messages.h"

namespace burrow::volume {
namespace {

using burrow::v1::VolumeChange;
using image::UpperEntry;

VolumeChange::Kind KindOf(UpperEntry::Kind kind) {
  switch (kind) {
    case UpperEntry::Kind::kPut:
    case UpperEntry::Kind::kDirectory:
      return VolumeChange::PUT;
    case UpperEntry::Kind::kWhiteout:
    case UpperEntry::Kind::kEmpty:
      return VolumeChange::REMOVE;
    case UpperEntry::Kind::kOpaqueDirectory:
      return VolumeChange::OPAQUE_DIRECTORY;
    case UpperEntry::Kind::kHardLink:
      return VolumeChange::HARD_LINK;
  }
  return VolumeChange::KIND_UNSPECIFIED;
}

void SetDigest(const cas::Digest& digest, std::string& field) {
  if (!digest.IsZero()) field.assign(reinterpret_cast<const char*>(digest.bytes().data()), digest.bytes().size());
}

void SetInode(const image::TreeInode& inode, VolumeChange& change) {
  change.set_mode(inode.mode);
  change.set_uid(inode.uid);
  change.set_gid(inode.gid);
  change.set_rdev(inode.rdev);
  change.set_size(inode.size);
  change.set_mtime(inode.mtime);
  change.set_mtime_ns(inode.mtime_ns);
  SetDigest(inode.digest, *change.mutable_digest());
  SetDigest(inode.frames, *change.mutable_frames());
  change.set_target(inode.target);
  for (const auto& [name, value] : inode.xattrs) (*change.mutable_xattrs())[name] = value;
}

}  // namespace

burrow::v1::VolumeChanges ToMessage(const std::vector<UpperEntry>& entries) {
  burrow::v1::VolumeChanges changes;
  changes.mutable_changes()->Reserve(static_cast<int>(entries.size()));
  for (const UpperEntry& entry : entries) {
    VolumeChange& change = *changes.add_changes();
    change.set_kind(KindOf(entry.kind));
    change.set_path(entry.path);
    if (entry.inode) SetInode(*entry.inode, change);
    if (entry.kind == UpperEntry::Kind::kHardLink) change.set_target(entry.target);
  }
  return changes;
}

}  // namespace burrow::volume
