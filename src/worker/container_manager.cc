#include "worker/container_manager.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/ids.h"
#include "base/log.h"

namespace burrow::worker {

using burrow::link::v1::ContainerUpdate;

namespace {
constexpr unsigned kCommitThreads = 4;

ContainerServices WithVolumes(ContainerServices services, net::BlockingPool* commits, LinkWatch* link) {
  services.commits = commits;
  services.link = link;
  return services;
}

}  // namespace

ContainerManager::ContainerManager(ContainerServices services, ContainerDeadlines deadlines)
    : link_(services.clock),
      commits_(kCommitThreads),
      services_(WithVolumes(std::move(services), &commits_, &link_)),
      forks_(services_),
      deadlines_(deadlines),
      gone_(*services_.io) {
  services_.forks = &forks_;
}
ContainerManager::~ContainerManager() = default;

FunctionContainer* ContainerManager::Find(const std::string& id) {
  auto at = containers_.find(id);
  return at == containers_.end() ? nullptr : at->second.get();
}

void ContainerManager::SayStopped(const std::string& id) {
  burrow::link::v1::FromWorker message;
  auto& update = *message.mutable_container();
  update.set_container_id(id);
  update.set_phase(burrow::link::v1::CONTAINER_PHASE_STOPPED);
  update.set_cause(burrow::link::v1::STOP_CAUSE_REQUESTED);
  services_.send(std::move(message));
}

void ContainerManager::Start(burrow::link::v1::StartContainer request) {
  std::string id = request.container_id();
  if (!IsIdText(ContainerTag::kPrefix, id)) {  // it names a directory and a control group
    LogError("control asked for a container with the malformed id '{}'", id);
    return;
  }
  if (Find(id)) return;
  auto on_gone = [this, id] {
    // Not at once: the container's coroutine still runs.
    boost::asio::post(*services_.io, [this, id] {
      auto at = containers_.find(id);
      ended_cpu_seconds_ += at->second->UsageReader()().cpu_seconds;
      containers_.erase(at);
      gone_.Notify();
    });
  };
  containers_.emplace(
      id, std::make_unique<FunctionContainer>(services_, std::move(request), deadlines_, std::move(on_gone)));
}

void ContainerManager::Stop(const burrow::link::v1::StopContainer& request) {
  auto* container = Find(request.container_id());
  if (!container) return SayStopped(request.container_id());
  container->Stop(std::chrono::milliseconds(request.grace_ms()));
}

void ContainerManager::Dispatch(burrow::link::v1::CallDispatch call) {
  auto* container = Find(call.container_id());
  if (!container) return SayStopped(call.container_id());
  container->Dispatch(std::move(call));
}

void ContainerManager::Cancel(const burrow::link::v1::CancelCall& request) {
  if (auto* container = Find(request.container_id())) container->Cancel(request);
}

void ContainerManager::AskVolume(const burrow::link::v1::VolumeRequest& request) {
  if (auto* container = Find(request.container_id())) return container->volumes().Ask(request);
  burrow::link::v1::FromWorker message;
  message.mutable_volume_request_done()->set_request_id(request.request_id());
  message.mutable_volume_request_done()->set_error("the container does not run any more");
  services_.send(std::move(message));
}

void ContainerManager::VolumeApplied(const burrow::link::v1::VolumeApplied& answer) {
  if (auto* container = Find(answer.owner_id())) container->volumes().Applied(answer);
}

void ContainerManager::LinkChanged(bool connected) {
  if (connected) forks_.LinkOpened();
  link_.Set(connected);
  for (const auto& [id, container] : containers_) container->volumes().LinkChanged();
}

std::vector<ContainerUpdate> ContainerManager::Inventory() const {
  std::vector<ContainerUpdate> inventory;
  for (const auto& [id, container] : containers_) {
    if (container->state() != ContainerState::kStopped) inventory.push_back(container->Snapshot());
  }
  return inventory;
}

std::optional<runtime::ExecTarget> ContainerManager::FindExecTarget(const std::string& id) const {
  auto at = containers_.find(id);
  return at == containers_.end() ? std::nullopt : at->second->FindExecTarget();
}

net::Task<bool> ContainerManager::StopAll(std::chrono::milliseconds grace, std::chrono::milliseconds deadline) {
  for (const auto& [id, container] : containers_) {
    if (container->volumes().Hurry()) deadline = std::max(deadline, grace + kHurriedCommits.last);
    container->Stop(grace);
  }
  auto until = services_.clock->Now() + deadline;
  while (!containers_.empty()) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - services_.clock->Now());
    if (left.count() <= 0 || !co_await gone_.Wait(left)) break;
  }
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - services_.clock->Now());
  const bool none_left = co_await forks_.Close(left) && containers_.empty();
  co_return none_left;
}

std::function<burrow::link::v1::Usage()> ContainerManager::UsageReader() {
  std::vector<std::function<os::CgroupUsage()>> readers;
  readers.reserve(containers_.size());
  for (const auto& [id, container] : containers_) readers.push_back(container->UsageReader());
  return [readers = std::move(readers), ended = ended_cpu_seconds_] {
    burrow::link::v1::Usage usage;
    double cpu_seconds = ended;
    uint64_t memory = 0;
    for (const auto& read : readers) {
      auto used = read();
      cpu_seconds += used.cpu_seconds;
      memory += used.memory_bytes;
    }
    usage.set_cpu_seconds(cpu_seconds);
    usage.set_memory_bytes(memory);
    usage.set_containers(static_cast<uint32_t>(readers.size()));
    return usage;
  };
}

}  // namespace burrow::worker
