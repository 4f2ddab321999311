// A volume as one container has it: the tree of its head, mounted like an image, below what the container writes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "burrow/link/v1/link.pb.h"
#include "cas/blob_store.h"
#include "image/upper_changes.h"
#include "imagefs/image_lease.h"

namespace burrow::volume {

// What was written and not told yet.
struct PreparedChanges {
  std::string digest;  // of the blob that holds a burrow.v1.VolumeChanges; empty: there is nothing to tell
  size_t changes = 0;
  bool earlier = false;  // of a tree that was mounted before: there may be more

 private:
  friend class LiveVolume;
  uint64_t layer = 0;
  image::UpperMemory memory;
};

// One user at a time; methods block unless said otherwise.
class LiveVolume {
 public:
  // Makes `directory`, which goes with the object. `images` outlives it.
  static Result<std::unique_ptr<LiveVolume>> Mount(imagefs::ImageProvider* images,
                                                   const burrow::link::v1::MountedVolume& asked, std::string directory);
  // Unmounts and removes; what was not told is lost. To be called when no mount of it is left elsewhere.
  ~LiveVolume();
  LiveVolume(const LiveVolume&) = delete;
  LiveVolume& operator=(const LiveVolume&) = delete;

  const std::string& id() const { return asked_.volume_id(); }
  const std::string& path() const { return asked_.path(); }  // in the container
  bool read_only() const { return asked_.read_only(); }
  // The head's version when it was mounted.
  uint64_t version() const { return asked_.version(); }
  const std::string& index_digest() const { return asked_.index_digest(); }
  // Where it is mounted in this mount namespace, nosuid and nodev: to be bound into the container. Another one after
  // Remount.
  const std::string& tree() const;
  const std::string& directory() const { return directory_; }

  // Puts what was written since the last Told, and the list of it, into the store. Nothing is forgotten before Told.
  Result<PreparedChanges> Prepare(cas::BlobStore& store);
  // Lets go of trees that were mounted before and into which nothing was written that is not told.
  Status DropTold();
  bool has_earlier() const { return layers_.size() > 1; }
  // Control has applied them. Does not block.
  void Told(PreparedChanges told);
  // Nothing was told since the mount, nor written as far as Prepare has seen. Does not block.
  bool unwritten() const;

  // Puts what is mounted at `now` where the container has what is mounted at `before`, or fails and changes nothing.
  using Exchange = std::function<Status(const std::string& before, const std::string& now)>;
  // Mounts another head with an empty upper directory in place of this one. What was written into the old one after the
  // last Prepare is still what Prepare gives first.
  Status Remount(const std::string& index_digest, uint64_t version, const Exchange& exchange);

 private:
  // One mount of it, in a directory of its own.
  struct Layer;
  LiveVolume(imagefs::ImageProvider* images, burrow::link::v1::MountedVolume asked, std::string directory);
  Result<std::unique_ptr<Layer>> MakeLayer(const std::string& index_digest);

  imagefs::ImageProvider* images_;
  burrow::link::v1::MountedVolume asked_;
  std::string directory_;
  uint64_t made_ = 0;                          // layers, ever
  std::deque<std::unique_ptr<Layer>> layers_;  // the last one is what the container has; of others not all is told
};

}  // namespace burrow::volume
