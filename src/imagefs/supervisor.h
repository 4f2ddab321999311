// Starts the node's `burrowd imagefs` process and keeps it alive. The worker, in its own mount namespace, owns the
// mounts and the /dev/fuse descriptors, so that a crashed imagefs is replaced without killing a mount: the new process
// gets the same descriptors, loads the same images in the same order, and asks the kernel to send unanswered requests
// again.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "cas/digest.h"
#include "os/mount.h"

namespace burrow::imagefs {

struct SupervisorOptions {
  std::string burrowd;          // path of the executable to start as "burrowd imagefs"
  std::string state_directory;  // mount points, journals of loaded images; nothing else, what is mounted below is
                                // unmounted at Start
  std::string cache_directory;  // of cas::BlobCache
  std::string blob_url;         // control's HTTP address
  std::string token;            // handed over by descriptor, never by argument
  std::chrono::milliseconds fetch_deadline{30'000};  // of one blob; then a read fails with EIO
};

class Supervisor {
 public:
  // Checks /dev/fuse (kFailedPrecondition with what to do), mounts, starts the process and waits until it serves.
  static Result<std::unique_ptr<Supervisor>> Start(SupervisorOptions options);
  ~Supervisor();  // unmounts, ends the process

  // Makes an image's tree available and returns its directory, to be used as an overlay lower directory; the index is
  // fetched and verified first. Thread-safe; blocks up to the fetch deadline. A second call for the same image costs
  // one stat.
  Result<std::string> ImageDirectory(const cas::Digest& index);

  int pid() const;  // of the serving process, for diagnostics and tests
  uint64_t restarts() const;

 private:
  struct State;
  explicit Supervisor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::imagefs
