// What one volume of one container says to control, and what becomes of the answers: one commit or reload at a time.
// Everything runs on the IoContext's one thread; what blocks runs on a pool.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "burrow/link/v1/link.pb.h"
#include "net/blocking_pool.h"
#include "net/event.h"
#include "net/task.h"
#include "volume/live_volume.h"
#include "worker/commit_times.h"
#include "worker/link_watch.h"

namespace burrow::worker {

// What the lines of one container share. Nothing is owned; everything outlives them.
struct VolumeLineServices {
  net::IoContext* io = nullptr;
  net::BlockingPool* pool = nullptr;
  cas::BlobStore* blobs = nullptr;
  const LinkWatch* link = nullptr;
  const Clock* clock = nullptr;
  std::function<void(burrow::link::v1::FromWorker)> send;
};

class VolumeLine : public std::enable_shared_from_this<VolumeLine> {
 public:
  VolumeLine(VolumeLineServices services, std::string owner_id, std::unique_ptr<volume::LiveVolume> volume);

  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  bool read_only() const { return read_only_; }
  // The head as it was last heard of.
  uint64_t version() const { return version_; }

  // Waits for its turn, then tells control what was written so far, where there is anything. While the container lives
  // it waits for the answer as long as that takes. An error of control's own is kFailedPrecondition; nothing is
  // forgotten.
  net::Task<Status> Commit();
  // Commits, and mounts the head. kAborted, naming who, while files are open.
  net::Task<Status> Reload(volume::LiveVolume::Exchange exchange);
  // The container has ended: from now on control is waited for no longer than this. May be said again.
  void End(const CommitTimes& times);
  // The last commit, after End: tried again while there is time and hope.
  net::Task<Status> CommitLast();

  void Applied(const burrow::link::v1::VolumeApplied& answer);
  // The connection came or went: what is not answered is said again.
  void LinkChanged();
  // Unmounts and removes, once nobody commits or reloads any more. Nothing else afterwards.
  net::Task<void> Close();

 private:
  class Use;
  class Turn;
  net::Task<Result<burrow::link::v1::VolumeApplied>> Tell(std::string digest);
  net::Task<Status> CommitNow();
  net::Task<Status> ReloadNow(const volume::LiveVolume::Exchange& exchange);
  net::Task<Status> MountHead(const burrow::link::v1::VolumeApplied& head,
                              const volume::LiveVolume::Exchange& exchange);
  std::chrono::milliseconds Left() const;
  void Say();

  VolumeLineServices services_;
  const std::string owner_, id_, path_;
  const bool read_only_;
  std::unique_ptr<volume::LiveVolume> volume_;
  net::Event changed_;
  bool busy_ = false;
  int users_ = 0;  // that have their turn or wait for it
  uint64_t sequence_ = 0, version_ = 0;
  std::optional<burrow::link::v1::VolumeChanged> asked_;
  std::optional<burrow::link::v1::VolumeApplied> answer_;
  std::optional<SteadyTime> ended_;
  CommitTimes times_;
};

}  // namespace burrow::worker
