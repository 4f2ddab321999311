// `burrowd worker`: the agent of one machine. Starts containers, runs their calls and build steps as control asks over
// the link.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "imagefs/tier.h"
#include "runtime/container.h"

namespace burrow::worker {

struct WorkerOptions {
  std::string state_directory;  // "<state_directory>/worker" is made and locked
  std::string control_host = "127.0.0.1";
  uint16_t control_port = 8484;
  std::string token;  // of this worker; goes to imagefs by descriptor
  runtime::Engine engine = runtime::Engine::kCrun;
  imagefs::TierChoice image_tier = imagefs::TierChoice::kAuto;
  uint64_t cache_quota = 0;        // bytes of the image cache; 0: 80 % of its filesystem
  std::string burrowd;             // path of the executable to start as "burrowd imagefs"
  std::string sdk_directory;       // holds the Python package `burrow`
  std::function<void()> on_ready;  // called each time that control has welcomed this worker
  bool takes_interrupts = true;    // false: a terminal's Ctrl-C is for the parent
};

// Runs until SIGTERM, or SIGINT where it takes that, or until control refuses the worker for good; then stops every
// container and build within 10 s, or 25 s where volumes are to be committed, and leaves nothing behind but its cache.
// What a killed earlier life left is removed first. To be called once, in a process that has started no thread yet: it
// moves into a mount namespace of its own. Blocks. Fails with what to do where the state directory is in use, or a
// capability, program or kernel feature is missing.
Status RunWorker(const WorkerOptions& options);

}  // namespace burrow::worker
