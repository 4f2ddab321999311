// What the subcommands of burrowd are told on their command lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace burrow::cmd {

// "127.0.0.1:8484"; port 0 means any free one.
struct Address {
  std::string host = "127.0.0.1";
  uint16_t port = 8484;
};
Result<Address> ParseAddress(const std::string& text);

struct CommonOptions {
  std::string state_directory = "/var/lib/burrow";
  // Where a parent waits for one line that says "ready" (-1: there is none); see handshake.h.
  int handshake_fd = -1;
};

// Where control keeps blobs.
struct BlobOptions {
  std::string store;             // "s3://..."; empty: the state directory
  std::string credentials_file;  // of S3; empty: the environment
  uint64_t grace_seconds = 86'400;
};

struct ControlCommand {
  CommonOptions common;
  Address listen;
  BlobOptions blobs;
  std::string default_registry;    // NAME or NAME=SERVER; empty: none
  std::chrono::seconds drain{10};  // how long running calls may take to end when burrowd is stopped
};

struct WorkerCommand {
  CommonOptions common;
  Address control;
  uint64_t cache_quota = 0;  // bytes; 0: the worker's default
  std::string runtime = "crun";
  std::string image_fs = "auto";  // auto, erofs or fuse
  std::string sdk_directory;      // empty: beside the executable
  std::string token_file;         // holds the join token; empty: it comes over the handshake
};

struct MountCommand {
  CommonOptions common;  // the state directory: cache, upper directory and mount points of this one mount
  std::string control_url, token_file, image_fs = "auto", index_digest, target;
  std::string prefetch_file, record_file;  // empty: none
  bool hold = false;
  int fetch_deadline = 30'000;  // milliseconds
  bool read_only = false;
};

struct UpCommand {
  CommonOptions common;
  Address listen;
  BlobOptions blobs;
  std::string default_registry;    // as of ControlCommand
  std::chrono::seconds drain{10};  // as of ControlCommand
  uint64_t cache_quota = 0;
  std::string runtime = "crun";
  std::string image_fs = "auto";  // auto, erofs or fuse
  std::string sdk_directory;
  std::string config_file;  // the client's; empty: $BURROW_CONFIG or ~/.config/burrow/config.json
};

// Each runs until a signal or an error and returns the exit code; errors are one sentence on stderr.
int RunUp(const UpCommand& command);
int RunControlCommand(const ControlCommand& command);
int RunWorkerCommand(const WorkerCommand& command);
int RunMountCommand(const MountCommand& command);

// Root and /dev/fuse are there; the error says what to do.
Status CheckHost();
// Path of the running executable.
std::string SelfPath();
// Prints "burrowd: <sentence>" on stderr and gives exit code 1.
int Complain(const Error& error);

}  // namespace burrow::cmd
