#include "control/volume_link.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace burrow::control {
namespace {

constexpr size_t kMaxErrorText = 1'000;

}  // namespace

// One wish from its beginning to its end, whatever ends it.
class VolumeLink::Waiting {
 public:
  Waiting(VolumeLink& link, std::string request_id, const Container& container, std::string volume_id, Wish wish)
      : link_(link.weak_from_this()),
        request_id_(std::move(request_id)),
        container_id_(container.id.str()),
        volume_id_(std::move(volume_id)),
        wish_(wish) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    const auto link = link_.lock();
    if (!link) return;
    link->requests_.erase(request_id_);
    Container* container = link->containers_.Find(container_id_);
    if (container && wish_ == Wish::kReload) container->heads.EndReload(volume_id_, version);
  }

  std::optional<uint64_t> version;

 private:
  std::weak_ptr<VolumeLink> link_;
  std::string request_id_, container_id_, volume_id_;
  Wish wish_;
};

net::Task<Result<uint64_t>> VolumeLink::Ask(Container& container, std::string volume_id, Wish wish) {
  const std::string id = NewIdText("vr");
  lpb::FromControl message;
  message.mutable_volume_request()->set_request_id(id);
  message.mutable_volume_request()->set_container_id(container.id.str());
  message.mutable_volume_request()->set_volume_id(volume_id);
  message.mutable_volume_request()->set_reload(wish == Wish::kReload);
  if (!container.worker->connected())
    co_return Fail(Code::kUnavailable, "the worker of this container is not connected: try again");
  auto request = std::make_shared<Request>(io_, container.worker);
  requests_[id] = request;
  Waiting waiting(*this, id, container, volume_id, wish);
  if (wish == Wish::kReload) container.heads.BeginReload(volume_id);
  container.worker->Send(message);
  auto outcome = co_await Await(request, container.id.str());
  if (outcome) waiting.version = *outcome;
  co_return outcome;
}

net::Task<Result<uint64_t>> VolumeLink::Await(std::shared_ptr<Request> request, std::string container_id) {
  const auto deadline = clock_.Now() + timings_.volume_request;
  while (!request->outcome) {
    if (!containers_.Find(container_id)) co_return Fail(Code::kUnavailable, "the container has ended");
    if (clock_.Now() >= deadline) {
      co_return Fail(Code::kDeadlineExceeded, "the volume was not committed within {:g} s: look at the worker's log",
                     Seconds(timings_.volume_request));
    }
    co_await request->changed.Wait(std::min(timings_.heartbeat, timings_.volume_request));
  }
  co_return *request->outcome;
}

void VolumeLink::OnDone(const Worker& worker, const lpb::VolumeRequestDone& done) {
  const auto found = requests_.find(done.request_id());
  if (found == requests_.end() || found->second->worker != &worker) return;
  Request& request = *found->second;
  if (done.error().empty()) {
    request.outcome = done.version();
  } else {
    request.outcome =
        Fail(done.busy() ? Code::kFailedPrecondition : Code::kAborted, "{}", done.error().substr(0, kMaxErrorText));
  }
  request.changed.Notify();
}

void VolumeLink::OnConnectionLost(const Worker& worker) {
  for (const auto& [id, request] : requests_) {
    if (request->worker != &worker || request->outcome) continue;
    request->outcome = Fail(Code::kUnavailable, "the connection to this container's worker was lost: try again");
    request->changed.Notify();
  }
}

void VolumeLink::OnChanged(Worker& worker, const lpb::VolumeChanged& changed) {
  if (changed.owner_id().size() > kMaxNameBytes || changed.volume_id().size() > kMaxNameBytes) return;
  const WorkerId from = worker.id;
  VolumeEdit edit{.digest = changed.changes_digest()};
  volumes_.Change(VolumeId(changed.volume_id()), std::move(edit),
                  CommitNumber{.owner = changed.owner_id(), .sequence = changed.sequence()},
                  [this, from, changed](const Result<store::VolumeHead>& head) { Answer(from, changed, head); });
}

void VolumeLink::Answer(const WorkerId& to, const lpb::VolumeChanged& changed, const Result<store::VolumeHead>& head) {
  lpb::FromControl message;
  auto& applied = *message.mutable_volume_applied();
  applied.set_owner_id(changed.owner_id());
  applied.set_volume_id(changed.volume_id());
  applied.set_sequence(changed.sequence());
  if (head) {
    applied.set_index_digest(head->index_digest);
    applied.set_version(head->version);
    if (Container* container = containers_.Find(changed.owner_id()))
      container->heads.NoteTold(changed.volume_id(), head->index_digest, head->version);
  } else {
    LogWarn("the changes of {} to the volume {} are not applied: {}", changed.owner_id(), changed.volume_id(),
            head.error().message());
    applied.set_error(head.error().message());
  }
  if (Worker* worker = workers_.Find(to)) worker->Send(message);
}

}  // namespace burrow::control
