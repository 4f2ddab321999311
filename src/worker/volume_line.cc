#include "worker/volume_line.h"

#include <algorithm>
#include <utility>

namespace burrow::worker {

using burrow::link::v1::VolumeApplied;
using std::chrono::milliseconds;
using volume::LiveVolume;
using volume::PreparedChanges;

namespace {

constexpr milliseconds kLook{60'000};  // waits end, so that whoever was forgotten looks again
constexpr milliseconds kRetryPause{1'000};
// What is written while the head is mounted is committed, and mounted with the next head.
constexpr int kReloadRounds = 3;

// Others, control's own refusal among them, would come again.
bool MayPass(const Error& error) {
  return error.code() == Code::kUnavailable || error.code() == Code::kDeadlineExceeded;
}

}  // namespace

// While it lives the line is not closed.
class VolumeLine::Use {
 public:
  explicit Use(VolumeLine& line) : line_(line) { ++line_.users_; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    --line_.users_;
    line_.changed_.Notify();
  }

 private:
  VolumeLine& line_;
};

// While it lives nobody else commits or reloads.
class VolumeLine::Turn {
 public:
  explicit Turn(VolumeLine& line) : line_(line) { line_.busy_ = true; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    line_.busy_ = false;
    line_.changed_.Notify();
  }

 private:
  VolumeLine& line_;
};

VolumeLine::VolumeLine(VolumeLineServices services, std::string owner_id, std::unique_ptr<LiveVolume> volume)
    : services_(std::move(services)),
      owner_(std::move(owner_id)),
      id_(volume->id()),
      path_(volume->path()),
      read_only_(volume->read_only()),
      volume_(std::move(volume)),
      changed_(*services_.io),
      version_(volume_->version()) {}

net::Task<Status> VolumeLine::Commit() {
  auto self = shared_from_this();
  Use use(*this);
  while (busy_) co_await changed_.Wait(kLook);
  Turn turn(*this);
  co_return co_await CommitNow();
}

net::Task<Status> VolumeLine::CommitNow() {
  // What was left in a tree that was mounted before comes first, then what is in this one.
  for (;;) {
    BURROW_CO_ASSIGN_OR_RETURN(PreparedChanges prepared, co_await net::RunBlocking(*services_.pool, [this] {
                                 return volume_->Prepare(*services_.blobs);
                               }));
    if (prepared.digest.empty()) co_return Status();
    const bool more = prepared.earlier;
    BURROW_CO_RETURN_IF_ERROR(co_await Tell(prepared.digest));
    volume_->Told(std::move(prepared));
    if (!more) co_return Status();
  }
}

net::Task<Result<VolumeApplied>> VolumeLine::Tell(std::string digest) {
  asked_.emplace();
  asked_->set_owner_id(owner_);
  asked_->set_volume_id(id());
  asked_->set_sequence(++sequence_);
  asked_->set_changes_digest(std::move(digest));
  answer_.reset();
  Say();
  while (!answer_) {
    const milliseconds left = Left();
    if (left.count() <= 0) {
      asked_.reset();
      co_return Fail(Code::kUnavailable, "the server does not answer");
    }
    co_await changed_.Wait(left);
  }
  asked_.reset();
  VolumeApplied answer = *std::exchange(answer_, std::nullopt);
  if (!answer.error().empty()) co_return Fail(Code::kFailedPrecondition, "{}", answer.error());
  version_ = answer.version();
  co_return answer;
}

void VolumeLine::Say() {
  if (!asked_ || !services_.link->connected()) return;
  burrow::link::v1::FromWorker message;
  *message.mutable_volume_changed() = *asked_;
  services_.send(std::move(message));
}

milliseconds VolumeLine::Left() const {
  if (!ended_) return kLook;
  std::optional<SteadyTime> lost;
  if (!services_.link->connected()) lost = services_.link->since();
  return std::min(kLook, LeftForLastCommit(times_, *ended_, lost, services_.clock->Now()));
}

net::Task<void> VolumeLine::Close() {
  auto self = shared_from_this();
  while (users_ > 0) co_await changed_.Wait(kLook);
  co_await net::RunBlocking(*services_.pool, [closing = std::move(volume_)]() mutable { closing.reset(); });
}

void VolumeLine::Applied(const VolumeApplied& answer) {
  if (!asked_ || answer.sequence() != asked_->sequence()) return;  // said twice
  answer_ = answer;
  changed_.Notify();
}

void VolumeLine::LinkChanged() {
  Say();
  changed_.Notify();
}

void VolumeLine::End(const CommitTimes& times) {
  if (!ended_) ended_ = services_.clock->Now();
  times_ = times;
  changed_.Notify();
}

net::Task<Status> VolumeLine::CommitLast() {
  auto self = shared_from_this();
  for (;;) {
    Status committed = co_await Commit();
    if (committed || !MayPass(committed.error()) || Left().count() <= 0) co_return committed;
    co_await changed_.Wait(std::min(Left(), kRetryPause));
  }
}

net::Task<Status> VolumeLine::Reload(LiveVolume::Exchange exchange) {
  auto self = shared_from_this();
  Use use(*this);
  while (busy_) co_await changed_.Wait(kLook);
  Turn turn(*this);
  co_return co_await ReloadNow(exchange);
}

net::Task<Status> VolumeLine::ReloadNow(const LiveVolume::Exchange& exchange) {
  for (int round = 1; round <= kReloadRounds; ++round) {
    BURROW_CO_RETURN_IF_ERROR(co_await CommitNow());
    BURROW_CO_ASSIGN_OR_RETURN(const VolumeApplied head, co_await Tell({}));
    BURROW_CO_RETURN_IF_ERROR(co_await MountHead(head, exchange));
    if (!volume_->has_earlier()) co_return Status();
  }
  co_return Fail(Code::kAborted, "files of {} are written all the time; try again when nobody does", path());
}

net::Task<Status> VolumeLine::MountHead(const VolumeApplied& head, const LiveVolume::Exchange& exchange) {
  if (volume_->unwritten() && volume_->index_digest() == head.index_digest()) co_return Status();
  co_return co_await net::RunBlocking(*services_.pool, [this, &head, &exchange]() -> Status {
    BURROW_RETURN_IF_ERROR(volume_->Remount(head.index_digest(), head.version(), exchange));
    return volume_->DropTold();
  });
}

}  // namespace burrow::worker
