// A request to stop that a blocked thread can wait for along with its descriptors.
#pragma once

#include <memory>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::builder {

// Thread-safe.
class Cancellation {
 public:
  static Result<std::shared_ptr<Cancellation>> Create();
  void Cancel();
  bool cancelled() const;
  int fd() const { return event_.get(); }  // readable once cancelled

 private:
  explicit Cancellation(UniqueFd event) : event_(std::move(event)) {}
  UniqueFd event_;
};

}  // namespace burrow::builder
