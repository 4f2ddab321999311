#include "worker/build_manager.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/log.h"
#include "net/detached.h"
#include "worker/utf8.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::BuildStep;
using burrow::link::v1::FromWorker;

// Steps mostly wait: for a download, or for a cache that another one has locked.
constexpr unsigned kLeastParallelSteps = 4;
constexpr size_t kMaxWaitText = 200;
constexpr const char* kWaitsForTurn = "its turn on the worker";
constexpr size_t kMaxPendingLines = 10'000;
constexpr size_t kMaxPendingBytes = 4u << 20;  // far below what one message of the link may have

// Lines of a step on their way from the building thread to the loop's: what gathers meanwhile goes as one message.
class StepOutput : public std::enable_shared_from_this<StepOutput> {
 public:
  StepOutput(net::IoContext* io, std::string step_id, BuildManager::Send send)
      : io_(io), step_id_(std::move(step_id)), send_(std::move(send)) {}

  // Any thread.
  void Add(std::string_view line) {
    std::lock_guard lock(mutex_);
    if (lines_.size() >= kMaxPendingLines || bytes_ >= kMaxPendingBytes) return;
    lines_.push_back(ToUtf8(line));
    bytes_ += lines_.back().size();
    if (lines_.size() == 1) boost::asio::post(*io_, [self = shared_from_this()] { self->Flush(); });
  }

  // The loop's thread.
  void Flush() {
    std::vector<std::string> lines;
    {
      std::lock_guard lock(mutex_);
      lines.swap(lines_);
      bytes_ = 0;
    }
    if (lines.empty()) return;
    FromWorker message;
    message.mutable_step_output()->set_step_id(step_id_);
    for (auto& line : lines) message.mutable_step_output()->add_lines(std::move(line));
    send_(std::move(message));
  }

 private:
  net::IoContext* io_;
  std::string step_id_;
  BuildManager::Send send_;
  std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by mutex_
  size_t bytes_ = 0;                // of lines_
};

}  // namespace

BuildManager::BuildManager(net::IoContext* io, const builder::StepRunner* runner, builder::CacheMounts* caches,
                           Send send, unsigned parallel)
    : io_(io),
      runner_(runner),
      caches_(caches),
      send_(std::move(send)),
      ended_(*io),
      parallel_(parallel ? parallel : std::max(kLeastParallelSteps, std::thread::hardware_concurrency())),
      pool_(parallel_),
      chores_(1) {}

BuildManager::~BuildManager() {
  for (const auto& [id, running] : running_) running.cancellation->Cancel();
}

void BuildManager::Start(BuildStep step) {
  std::string id = step.step_id();
  if (auto at = running_.find(id); at != running_.end()) return SayWait(id, at->second.waits_for);
  if (!IsIdText(StepTag::kPrefix, id))
    return SendDone(id, {.built = Fail(Code::kInvalidArgument, "'{}' is no id of a build step", id)});
  auto running = Prepare(id);
  if (!running) return SendDone(id, {.built = Forward(running.error())});
  running_.emplace(id, *running);
  if (running_.size() > parallel_) SayWait(id, kWaitsForTurn);
  net::RunDetached(*io_, Run(std::move(step), *running), "build step " + id);
}

Result<BuildManager::Running> BuildManager::Prepare(const std::string& step_id) {
  Running running;
  BURROW_ASSIGN_OR_RETURN(running.cancellation, builder::Cancellation::Create());
  // A step's sockets are served, and its volumes committed, by other threads; the link is the loop's.
  auto send = [io = io_, send = send_](FromWorker message) {
    boost::asio::post(*io, [send, message = std::move(message)]() mutable { send(std::move(message)); });
  };
  auto ask = [send](burrow::link::v1::AgentRequest request) {
    FromWorker message;
    *message.mutable_agent() = std::move(request);
    send(std::move(message));
  };
  auto tell = [send](burrow::link::v1::VolumeChanged changed) {
    FromWorker message;
    *message.mutable_volume_changed() = std::move(changed);
    send(std::move(message));
  };
  BURROW_ASSIGN_OR_RETURN(running.agents, builder::AgentLink::Create(step_id, std::move(ask)));
  BURROW_ASSIGN_OR_RETURN(running.volumes, builder::VolumeLink::Create(std::move(tell)));
  return running;
}

net::Task<void> BuildManager::Run(BuildStep step, Running running) {
  auto output = std::make_shared<StepOutput>(io_, step.step_id(), send_);
  // The building thread speaks of a step that the loop's thread may have done with by then.
  auto waits = [this, id = step.step_id()](const std::string& waits_for) {
    boost::asio::post(*io_, [this, id, waits_for] {
      if (running_.contains(id)) SayWait(id, waits_for);
    });
  };
  auto outcome = co_await net::RunBlocking(pool_, [this, &step, output, waits, running]() -> builder::StepOutcome {
    waits({});
    try {
      return runner_->Run(
          step, [output](std::string_view line) { output->Add(line); }, *running.cancellation,
          {.agents = running.agents.get(), .volumes = running.volumes.get()}, waits);
    } catch (const std::exception& e) {
      return {.built = Fail(Code::kInternal, "the build step broke off: {}", e.what())};
    }
  });
  output->Flush();
  // Control gives what this worker breaks off by stopping to another one, or to this one's next life.
  bool broken_off = stopping_ && !outcome.built && outcome.built.error().code() == Code::kCancelled;
  if (!broken_off) SendDone(step.step_id(), outcome);
  running_.erase(step.step_id());
  ended_.Notify();
}

void BuildManager::SayWait(const std::string& step_id, const std::string& waits_for) {
  running_.at(step_id).waits_for = waits_for;
  FromWorker message;
  message.mutable_step_wait()->set_step_id(step_id);
  message.mutable_step_wait()->set_waits_for(ToUtf8(waits_for.substr(0, kMaxWaitText)));
  send_(std::move(message));
}

void BuildManager::SendDone(const std::string& step_id, const builder::StepOutcome& outcome) {
  FromWorker message;
  auto& done = *message.mutable_step_done();
  done.set_step_id(step_id);
  const builder::BuiltImage* image = outcome.left ? &*outcome.left : nullptr;
  if (outcome.built) {
    image = &*outcome.built;
  } else {
    done.set_error(ToUtf8(outcome.built.error().message()));
  }
  if (image != nullptr) {
    *done.mutable_image() = image->image;
    done.set_files(image->files);
    done.set_bytes(image->bytes);
  }
  send_(std::move(message));
}

void BuildManager::Cancel(const std::string& step_id) {
  auto at = running_.find(step_id);
  if (at != running_.end()) at->second.cancellation->Cancel();
}

void BuildManager::Answer(burrow::link::v1::AgentAnswer answer) {
  auto at = running_.find(answer.step_id());
  if (at != running_.end()) at->second.agents->Deliver(std::move(answer));
}

void BuildManager::VolumeApplied(const burrow::link::v1::VolumeApplied& answer) {
  auto at = running_.find(answer.owner_id());
  if (at != running_.end()) at->second.volumes->Deliver(answer);
}

void BuildManager::LinkOpened() {
  for (const auto& [id, running] : running_) running.volumes->SayAgain();
}

void BuildManager::PruneCaches(const std::string& workspace) {
  net::RunDetached(*io_, Prune(workspace), "prune cache mounts");
}

net::Task<void> BuildManager::Prune(std::string workspace) {
  Result<uint32_t> removed = 0;
  if (caches_ != nullptr)
    removed = co_await net::RunBlocking(chores_, [caches = caches_, workspace] { return caches->Prune(workspace); });
  if (!removed) LogWarn("prune cache mounts: {}", removed.error().message());
  FromWorker message;
  message.mutable_caches_pruned()->set_removed(removed.value_or(0));
  send_(std::move(message));
}

net::Task<bool> BuildManager::StopAll(std::chrono::milliseconds deadline) {
  stopping_ = true;
  for (const auto& [id, running] : running_) running.cancellation->Cancel();
  auto until = std::chrono::steady_clock::now() + deadline;
  while (!running_.empty()) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !co_await ended_.Wait(left)) break;
  }
  const bool none_left = running_.empty();
  co_return none_left;
}

}  // namespace burrow::worker
