#include "worker/build_manager.h"

#include <boost/asio/post.hpp>
#include <mutex>
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

constexpr unsigned kParallelSteps = 2;
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

BuildManager::BuildManager(net::IoContext* io, const builder::StepRunner* runner, Send send)
    : io_(io), runner_(runner), send_(std::move(send)), ended_(*io), pool_(kParallelSteps) {}

BuildManager::~BuildManager() {
  for (const auto& [id, cancellation] : running_) cancellation->Cancel();
}

void BuildManager::Start(BuildStep step) {
  std::string id = step.step_id();
  if (running_.contains(id)) return;
  if (!IsIdText(StepTag::kPrefix, id))
    return SendDone(id, Fail(Code::kInvalidArgument, "'{}' is no id of a build step", id));
  auto cancellation = builder::Cancellation::Create();
  if (!cancellation) return SendDone(id, Forward(cancellation.error()));
  running_.emplace(id, *cancellation);
  net::RunDetached(*io_, Run(std::move(step), *cancellation), "build step " + id);
}

net::Task<void> BuildManager::Run(BuildStep step, std::shared_ptr<builder::Cancellation> cancellation) {
  auto output = std::make_shared<StepOutput>(io_, step.step_id(), send_);
  auto built = co_await net::RunBlocking(pool_, [this, &step, output, cancellation]() -> Result<builder::BuiltImage> {
    try {
      return runner_->Run(step, [output](std::string_view line) { output->Add(line); }, *cancellation);
    } catch (const std::exception& e) {
      return Fail(Code::kInternal, "the build step broke off: {}", e.what());
    }
  });
  output->Flush();
  SendDone(step.step_id(), built);
  running_.erase(step.step_id());
  ended_.Notify();
}

void BuildManager::SendDone(const std::string& step_id, const Result<builder::BuiltImage>& built) {
  FromWorker message;
  auto& done = *message.mutable_step_done();
  done.set_step_id(step_id);
  if (built) {
    *done.mutable_image() = built->image;
    done.set_files(built->files);
    done.set_bytes(built->bytes);
  } else {
    done.set_error(ToUtf8(built.error().message()));
  }
  send_(std::move(message));
}

void BuildManager::Cancel(const std::string& step_id) {
  auto at = running_.find(step_id);
  if (at != running_.end()) at->second->Cancel();
}

net::Task<bool> BuildManager::StopAll(std::chrono::milliseconds deadline) {
  for (const auto& [id, cancellation] : running_) cancellation->Cancel();
  auto until = std::chrono::steady_clock::now() + deadline;
  while (!running_.empty()) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !co_await ended_.Wait(left)) break;
  }
  const bool none_left = running_.empty();
  co_return none_left;
}

}  // namespace burrow::worker
