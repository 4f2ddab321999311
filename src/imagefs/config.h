// What the supervisor tells its imagefs process: JSON in a file without a name, since a token is in it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "imagefs/session.h"

namespace burrow::imagefs {

struct ConnectionConfig {
  int fd = -1;          // the /dev/fuse descriptor, inherited
  int slots_fd = -1;    // of its RequestSlots, inherited
  std::string journal;  // of this connection's images, or of the hook's nodes
  bool hook = false;
  ImageKind kind = ImageKind::kPlain;
  Features features;
};

struct Config {
  std::string cache_directory, blob_url, token;
  std::chrono::milliseconds fetch_deadline{0};
  std::string overflow_directory;  // of cas::BlobCache; empty: none
  int signals_fd = -1;             // of cas::CacheSignals, inherited; -1: none
  int accesses_fd = -1;            // of AccessLog, inherited; -1: none
  int ready_fd = -1;               // a pipe; one byte is written when requests are served
  bool resume = false;             // an earlier process served these connections
  std::vector<ConnectionConfig> connections;
};

Result<UniqueFd> WriteConfig(const Config& config);
Result<Config> ReadConfig(int fd);

}  // namespace burrow::imagefs
