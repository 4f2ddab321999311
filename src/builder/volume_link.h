// The way from a step's volumes to control, and back. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/unique_fd.h"
#include "builder/cancellation.h"
#include "burrow/link/v1/link.pb.h"

namespace burrow::builder {

class VolumeLink {
 public:
  using Send = std::function<void(burrow::link::v1::VolumeChanged)>;
  // `send` is called by whoever calls Tell or SayAgain.
  static Result<std::shared_ptr<VolumeLink>> Create(Send send);

  // Says it, and blocks until control has answered; one at a time. The error is control's own, or kCancelled, or
  // kDeadlineExceeded.
  Status Tell(const burrow::link::v1::VolumeChanged& changed, std::chrono::steady_clock::time_point deadline,
              const Cancellation& cancellation);
  // What is not answered yet, on a new connection.
  void SayAgain();
  // Of what nobody waits for any more: no error.
  void Deliver(const burrow::link::v1::VolumeApplied& answer);

 private:
  VolumeLink(UniqueFd event, Send send) : event_(std::move(event)), send_(std::move(send)) {}
  Status Await(std::chrono::steady_clock::time_point deadline, const Cancellation& cancellation) const;

  UniqueFd event_;  // readable once the answer is there
  Send send_;
  std::mutex mutex_;
  std::optional<burrow::link::v1::VolumeChanged> asked_;   // guarded by mutex_
  std::optional<burrow::link::v1::VolumeApplied> answer_;  // guarded by mutex_
};

}  // namespace burrow::builder
