#include "builder/volume_link.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace burrow::builder {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Result<std::shared_ptr<VolumeLink>> VolumeLink::Create(Send send) {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return FailErrno("make an eventfd");
  return std::shared_ptr<VolumeLink>(new VolumeLink(std::move(event), std::move(send)));
}

Status VolumeLink::Tell(const burrow::link::v1::VolumeChanged& changed, steady_clock::time_point deadline,
                        const Cancellation& cancellation) {
  {
    std::lock_guard lock(mutex_);
    asked_ = changed;
    answer_.reset();
    uint64_t count;
    (void)!::read(event_.get(), &count, sizeof count);
  }
  send_(changed);
  Status answered = Await(deadline, cancellation);
  std::lock_guard lock(mutex_);
  asked_.reset();
  if (!answered || answer_->error().empty()) return answered;
  return Fail(Code::kFailedPrecondition, "{}", answer_->error());
}

Status VolumeLink::Await(steady_clock::time_point deadline, const Cancellation& cancellation) const {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return Fail(Code::kDeadlineExceeded, "the server did not take it within the step's time");
    std::array<pollfd, 2> waiting = {pollfd{.fd = event_.get(), .events = POLLIN},
                                     pollfd{.fd = cancellation.fd(), .events = POLLIN}};
    const int most = static_cast<int>(std::min<int64_t>(left.count(), 3'600'000));
    if (::poll(waiting.data(), waiting.size(), most) < 0 && errno != EINTR) return FailErrno("wait for the server");
    if (waiting[0].revents != 0) return {};
    if (cancellation.cancelled()) return Fail(Code::kCancelled, "the build was cancelled");
  }
}

void VolumeLink::SayAgain() {
  std::optional<burrow::link::v1::VolumeChanged> asked;
  {
    std::lock_guard lock(mutex_);
    if (!answer_) asked = asked_;
  }
  if (asked) send_(std::move(*asked));
}

void VolumeLink::Deliver(const burrow::link::v1::VolumeApplied& answer) {
  std::lock_guard lock(mutex_);
  const bool wanted =
      asked_ && !answer_ && asked_->volume_id() == answer.volume_id() && asked_->sequence() == answer.sequence();
  if (!wanted) return;
  answer_ = answer;
  uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}

}  // namespace burrow::builder
