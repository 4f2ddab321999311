// Runs one build step: a parent image and a step in, a new image out. Blocking: up to the step's deadline.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "builder/agent_link.h"
#include "builder/cache_mounts.h"
#include "builder/cancellation.h"
#include "builder/disk_watch.h"
#include "builder/output_tail.h"
#include "builder/volume_link.h"
#include "burrow/link/v1/link.pb.h"
#include "cas/blob_cache.h"
#include "cas/blob_store.h"
#include "imagefs/image_lease.h"
#include "runtime/container.h"

namespace burrow::builder {

// A function's source files as a directory, which stays while `hold` is held. The path is empty where there are none.
struct LaidSource {
  std::string path;
  std::shared_ptr<const void> hold;
};
using LaySource = std::function<Result<LaidSource>(const std::vector<burrow::v1::SourceFile>&)>;

// Receives what a step waits for, and nothing when it goes on. Called by the building thread.
using WaitSink = std::function<void(const std::string& waits_for)>;

// Nothing is owned; everything outlives the runner.
struct StepServices {
  std::string directory;  // for upper directories and the like; each step's is gone after it
  const runtime::ContainerRuntime* runtime = nullptr;
  imagefs::ImageProvider* images = nullptr;
  cas::BlobStore* store = nullptr;  // control's
  cas::BlobCache* cache = nullptr;  // for parents' indexes
  CacheMounts* caches = nullptr;    // null: steps cannot have cache mounts
  std::string library;              // holds the Python package `burrow`; for run_function
  LaySource lay_source;             // thread-safe; for run_function
  DiskBounds disk;
};

struct BuiltImage {
  burrow::link::v1::Image image;
  uint64_t files = 0;  // regular ones
  uint64_t bytes = 0;  // that they hold
};

struct StepOutcome {
  Result<BuiltImage> built;
  // Of a command that failed or took too long: the parent with what it had changed, where that could be kept.
  std::optional<BuiltImage> left;
};

// Ways to others that a step may need; those that are null it does without. Nothing is owned.
struct StepLinks {
  AgentLink* agents = nullptr;
  VolumeLink* volumes = nullptr;
};

class StepRunner {
 public:
  explicit StepRunner(StepServices services) : services_(std::move(services)) {}

  // Thread-safe. The error is one sentence that names what failed, with the last lines that it printed. kCancelled
  // after cancellation. Whatever the outcome, no container, mount or file of the step is left. `waits` may be
  // absent. The step's time counts from the call.
  StepOutcome Run(const burrow::link::v1::BuildStep& step, const OutputSink& output, const Cancellation& cancellation,
                  const StepLinks& links = {}, const WaitSink& waits = {}) const;

 private:
  StepServices services_;
};

}  // namespace burrow::builder
