// Where a worker keeps what, below its state directory. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cas/cache_layout.h"

namespace burrow::worker {

struct StateLayout {
  explicit StateLayout(const std::string& state_directory) : root(state_directory + "/worker") {}

  std::string root;
  std::string Lock() const { return root + "/lock"; }
  std::string WorkerIdFile() const { return root + "/id"; }
  std::string Cache() const { return root + "/cache"; }        // blobs, kept
  std::string Overflow() const { return root + "/overflow"; }  // blobs in memory, while the disk is full
  std::vector<std::string> BlobDirectories() const { return {cas::CacheLayout(Cache()).Blobs(), Overflow()}; }
  std::string Libraries() const { return root + "/library"; }  // precompiled runner, kept
  std::string Imagefs() const { return root + "/imagefs"; }    // mount points; the rest is made anew in each life
  std::string Sources() const { return root + "/sources"; }
  std::string Containers() const { return root + "/containers"; }
  std::string Volumes() const { return root + "/volumes"; }  // what containers write into theirs
  std::string Builds() const { return root + "/builds"; }
  std::string CacheMounts() const { return root + "/cache-mounts"; }  // of RUN --mount=type=cache, kept
  std::string Engine() const { return root + "/engine"; }             // in memory
  std::string ApiSockets() const { return Engine() + "/sockets"; }    // of containers
};

// 8 hex digits that name this instance's control groups and network: the head of the SHA-256 of the absolute state
// directory.
std::string InstanceTag(const std::string& absolute_state_directory);

}  // namespace burrow::worker
