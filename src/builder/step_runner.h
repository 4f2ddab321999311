// Runs one build step: a parent image and a step in, a new image out. Blocking: up to the step's deadline.
#pragma once

#include <memory>
#include <string>

#include "builder/cancellation.h"
#include "builder/output_tail.h"
#include "burrow/link/v1/link.pb.h"
#include "cas/blob_cache.h"
#include "cas/blob_store.h"
#include "imagefs/image_lease.h"
#include "runtime/container.h"

namespace burrow::builder {

// Nothing is owned; everything outlives the runner.
struct StepServices {
  std::string directory;  // for upper directories and the like; each step's is gone after it
  const runtime::ContainerRuntime* runtime = nullptr;
  imagefs::ImageProvider* images = nullptr;
  cas::BlobStore* store = nullptr;  // control's
  cas::BlobCache* cache = nullptr;  // for parents' indexes
};

struct BuiltImage {
  burrow::link::v1::Image image;
  uint64_t files = 0;  // regular ones
  uint64_t bytes = 0;  // that they hold
};

class StepRunner {
 public:
  explicit StepRunner(StepServices services) : services_(std::move(services)) {}

  // Thread-safe. The error is one sentence that names what failed, with the last lines that it printed. kCancelled
  // after cancellation. Whatever the outcome, no container, mount or file of the step is left.
  Result<BuiltImage> Run(const burrow::link::v1::BuildStep& step, const OutputSink& output,
                         const Cancellation& cancellation) const;

 private:
  StepServices services_;
};

}  // namespace burrow::builder
