#include "worker/fork_servers.h"

#include <utility>

#include "cas/digest.h"
#include "net/detached.h"
#include "proto/deterministic_bytes.h"
#include "worker/launch_plan.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::StartContainer;
using std::chrono::milliseconds;

constexpr milliseconds kLeastStartDeadline{120'000};

// Apps come and go; what they run stays the same until its source, image, settings or secrets change.
std::string KeyOf(const StartContainer& request) {
  StartContainer deciding;
  *deciding.mutable_spec() = request.spec();
  deciding.mutable_spec()->clear_app_id();
  deciding.mutable_spec()->clear_function_id();
  *deciding.mutable_secret_environment() = request.secret_environment();
  return cas::Digest::Of(DeterministicBytes(deciding)).Hex();
}

}  // namespace

ForkServers::ForkServers(ContainerServices services, ForkServersOptions options)
    : services_(std::move(services)), options_(options), changed_(*services_.io) {}
ForkServers::~ForkServers() = default;

net::Task<Result<ForkedContainer>> ForkServers::Fork(const StartContainer& request) {
  if (request.volumes_size() > 0) co_return Fail(Code::kUnimplemented, "it has volumes");
  const std::string key = KeyOf(request);
  auto at = entries_.find(key);
  if (closed_ || at == entries_.end()) co_return Fail(Code::kUnavailable, "no container of it has run here yet");
  auto warmed = at->second.warmed;
  auto forked = co_await warmed->Fork();
  at = entries_.find(key);
  if (forked && at != entries_.end()) at->second.last_used = services_.clock->Now();
  co_return forked;
}

void ForkServers::Warm(StartContainer request) {
  if (closed_ || request.volumes_size() > 0) return;
  const std::string key = KeyOf(request);
  auto at = entries_.find(key);
  if (at != entries_.end() && !at->second.warmed->ended()) return;
  if (at != entries_.end()) Drop(at);
  if (!MakeRoom()) return;
  const auto deadline = StartDeadline(request.spec().function(), kLeastStartDeadline);
  entries_[key] = {.warmed = Template::Start(services_, std::move(request), deadline),
                   .last_used = services_.clock->Now()};
  if (!std::exchange(sweeping_, true)) net::RunDetached(*services_.io, Sweep(), "ending of idle templates");
}

void ForkServers::Drop(std::map<std::string, Entry>::iterator entry) {
  ++ending_;
  net::RunDetached(*services_.io, EndOne(std::move(entry->second.warmed)), "end of a template");
  entries_.erase(entry);
}

net::Task<void> ForkServers::EndOne(std::shared_ptr<Template> ending) {
  co_await ending->End();
  --ending_;
  changed_.Notify();
}

bool ForkServers::MakeRoom() {
  while (entries_.size() >= options_.templates) {
    auto oldest = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      const bool older = oldest == entries_.end() || at->second.last_used < oldest->second.last_used;
      if (!at->second.warmed->in_use() && older) oldest = at;
    }
    if (oldest == entries_.end()) return false;
    Drop(oldest);
  }
  return true;
}

net::Task<void> ForkServers::Sweep() {
  while (!closed_ && !entries_.empty()) {
    co_await changed_.Wait(options_.idle / 4);
    const SteadyTime now = services_.clock->Now();
    for (auto at = entries_.begin(); at != entries_.end();) {
      auto one = at++;
      if (!one->second.warmed->in_use() && now - one->second.last_used >= options_.idle) Drop(one);
    }
  }
  sweeping_ = false;
}

net::Task<bool> ForkServers::Close(milliseconds deadline) {
  closed_ = true;
  while (!entries_.empty()) Drop(entries_.begin());
  const SteadyTime until = services_.clock->Now() + deadline;
  while (ending_ > 0) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - services_.clock->Now());
    if (left.count() <= 0 || !co_await changed_.Wait(left)) break;
  }
  const bool all = ending_ == 0;
  co_return all;
}

}  // namespace burrow::worker
