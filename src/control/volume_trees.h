// The trees of volumes in the blob store: made, changed and listed. Blocks; any thread but the loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/error.h"
#include "cas/blob_store.h"
#include "control/messages.h"
#include "control/volume_changes.h"

namespace burrow::control {

// A tree that is stored, with all that its files need.
struct VolumeTree {
  std::string index_digest;       // hex
  uint64_t files = 0, bytes = 0;  // regular files, hard links once
};

// What becomes of a head.
struct VolumeEdit {
  pb::VolumeChanges changes;
  std::string digest;  // instead of them: of a blob that holds them, in hex
  Existing existing = Existing::kReplaced;

  bool empty() const { return changes.changes().empty() && digest.empty(); }
};

class VolumeTrees {
 public:
  explicit VolumeTrees(cas::BlobStore& blobs) : blobs_(blobs) {}

  Result<VolumeTree> StoreEmpty() const;
  // What the edit makes of the index `head`. kFailedPrecondition, naming a path, where content was not uploaded;
  // kInvalidArgument, kAlreadyExists, kNotFound, kResourceExhausted as ApplyVolumeChanges.
  Result<VolumeTree> Change(const std::string& head, const VolumeEdit& edit) const;
  Result<pb::VolumeEntriesResponse> Entries(const std::string& head, const pb::VolumeEntriesRequest& request) const;

 private:
  struct Loaded;
  Result<std::shared_ptr<const Loaded>> Load(const std::string& head) const;
  Result<pb::VolumeChanges> ReadChanges(const std::string& digest) const;
  Status CheckBlobs(const pb::VolumeChanges& changes) const;
  Result<VolumeTree> Store(image::Tree& tree) const;

  cas::BlobStore& blobs_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Loaded> last_;  // guarded by mutex_; lists are read page by page
};

}  // namespace burrow::control
