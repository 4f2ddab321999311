// Volumes by id: what each is now, and the changes that are applied to it, one after another.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "control/background.h"
#include "control/image_storage.h"
#include "control/volume_trees.h"
#include "control/workspaces.h"
#include "store/store.h"

namespace burrow::control {

inline constexpr size_t kMaxVolumes = 1'000;         // of one workspace
inline constexpr size_t kMaxWaitingChanges = 1'000;  // of one volume, but for commits: each container has one

// Whose changes they are, and the how manieth of it.
struct CommitNumber {
  std::string owner;  // container or build step
  uint64_t sequence = 0;
};

// What the table works with; all of it outlives the table.
struct VolumesParts {
  net::IoContext& io;
  const Clock& clock;
  const WorkspaceTable& workspaces;
  store::Store& store;
  Background& store_thread;
  cas::BlobStore& blobs;
  Background& disk;  // for trees
  const ImageStorage& images;
};

// Loop's thread only, but for Load.
class Volumes {
 public:
  explicit Volumes(VolumesParts parts) : p_(parts), trees_(parts.blobs) {}

  Status Load();                                              // blocks: before the loop runs
  const store::VolumeRecord* Find(const VolumeId& id) const;  // of any workspace
  const store::VolumeRecord* Find(const std::string& workspace, const VolumeId& id) const;
  const store::VolumeRecord* FindNamed(const std::string& workspace, const std::string& name) const;
  std::vector<const store::VolumeRecord*> In(const std::string& workspace) const;  // by name
  uint64_t BytesIn(const std::string& workspace) const;                            // of the heads
  std::vector<std::string> Heads() const;                                          // digests of indexes, hex
  bool idle() const { return running_ == 0; }

  // kAlreadyExists, kResourceExhausted. The name was checked.
  net::Task<Result<store::VolumeRecord>> Create(const std::string& workspace, const std::string& name);
  net::Task<Status> Rename(const VolumeId& id, const std::string& name);
  net::Task<Status> Delete(const VolumeId& id);  // kAborted while it is being changed
  void DropAll(const std::string& workspace);    // the store has forgotten them

  // Applies the edit to the head that is there when its turn comes, stores the new one, and then calls `done` with it,
  // unless control ends before. The edit of a commit that was applied before, or that is empty, changes nothing. Errors
  // as VolumeTrees::Change; kNotFound where the volume is gone, kResourceExhausted where its workspace may not have as
  // much, or too many wait.
  using Done = std::function<void(const Result<store::VolumeHead>&)>;
  void Change(const VolumeId& id, VolumeEdit edit, std::optional<CommitNumber> commit, Done done);
  net::Task<Result<store::VolumeHead>> Change(const VolumeId& id, VolumeEdit edit);
  // kFailedPrecondition where the request is for another version than the head's.
  net::Task<Result<pb::VolumeEntriesResponse>> Entries(const VolumeId& id, const pb::VolumeEntriesRequest& request);

 private:
  struct Job {
    VolumeEdit edit;
    std::optional<CommitNumber> commit;
    Done done;
  };
  struct Volume {
    store::VolumeRecord record;
    uint64_t coming_bytes = 0;              // of the head that is being stored
    std::deque<std::shared_ptr<Job>> jobs;  // the first one runs where `busy`
    bool busy = false;
    std::map<std::string, store::VolumeCommit> commits;  // the last one of each owner
  };

  Volume* FindOwn(const VolumeId& id);
  // What all volumes of the workspace hold once nothing is on its way, but for this one.
  uint64_t BytesBeside(const Volume& volume) const;
  Status CheckRoom(const Volume& volume, uint64_t bytes) const;
  static bool IsDone(const Volume& volume, const Job& job);
  void RunNext(const VolumeId& id);
  void OnBuilt(const VolumeId& id, const std::shared_ptr<Job>& job, Result<VolumeTree> built);
  void OnStored(const VolumeId& id, const std::shared_ptr<Job>& job, const store::VolumeHead& head,
                const std::optional<store::VolumeCommit>& commit, const Status& status);
  void End(const VolumeId& id, const std::shared_ptr<Job>& job, const Result<store::VolumeHead>& outcome);
  static void NoteCommit(Volume& volume, const store::VolumeCommit& commit);

  VolumesParts p_;
  VolumeTrees trees_;
  std::map<VolumeId, Volume> volumes_;
  size_t running_ = 0;  // jobs on other threads
};

}  // namespace burrow::control
