#include "worker/fork_servers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "cas/digest.h"
#include "net/detached.h"
#include "proto/deterministic_bytes.h"
#include "worker/launch_plan.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::StartContainer;
using std::chrono::milliseconds;

constexpr milliseconds kLeastStartDeadline{120'000};
constexpr milliseconds kFirstPatience{10'000};
constexpr const char* kIdPrefix = "tm";

// Apps come and go; what they run stays the same until its source, image, settings or secrets change.
std::string KeyOf(const StartContainer& request) {
  StartContainer deciding;
  *deciding.mutable_spec() = request.spec();
  deciding.mutable_spec()->clear_app_id();
  deciding.mutable_spec()->clear_function_id();
  *deciding.mutable_secret_environment() = request.secret_environment();
  return cas::Digest::Of(DeterministicBytes(deciding)).Hex();
}

// What an import that reads them may depend on.
std::string HeadsOf(const StartContainer& request) {
  std::string heads;
  for (const auto& volume : request.volumes())
    heads += fmt::format("{} {} {}\n", volume.volume_id(), volume.index_digest(), volume.path());
  return heads;
}

// A fork is in its working directory before its volumes are mounted.
bool StartsInVolume(const StartContainer& request) {
  const std::string directory = WorkingDirectory(request.spec()) + "/";
  return std::ranges::any_of(request.volumes(),
                             [&](const auto& volume) { return directory.starts_with(volume.path() + "/"); });
}

}  // namespace

ForkServers::ForkServers(ContainerServices services, ForkServersOptions options)
    : services_(std::move(services)), options_(options), changed_(*services_.io) {}
ForkServers::~ForkServers() = default;

net::Task<Result<ForkedContainer>> ForkServers::Fork(const StartContainer& request) {
  if (StartsInVolume(request)) co_return Fail(Code::kUnimplemented, "its working directory is in a volume");
  const std::string key = KeyOf(request);
  auto at = entries_.find(key);
  if (closed_ || at == entries_.end()) co_return Fail(Code::kUnavailable, "no container of it has run here yet");
  if (at->second.heads != HeadsOf(request))
    co_return Fail(Code::kUnavailable, "a volume of it has changed since it was warmed");
  auto warmed = at->second.warmed;
  auto forked = co_await warmed->Fork();
  at = entries_.find(key);
  if (forked && at != entries_.end() && at->second.warmed == warmed) {
    at->second.last_used = services_.clock->Now();
    at->second.forked = true;
  }
  co_return forked;
}

void ForkServers::Warm(StartContainer request) {
  if (closed_ || StartsInVolume(request)) return;
  std::string key = KeyOf(request), heads = HeadsOf(request);
  const auto is_asked = [&](const auto& wanted) { return wanted.second.key == key; };
  if (!PatienceWith(key, heads) || std::ranges::any_of(wanted_, is_asked)) return;
  const std::string id = NewIdText(kIdPrefix);
  const std::string function_id = request.spec().function_id();
  wanted_[id] = {.key = std::move(key), .heads = std::move(heads), .request = std::move(request)};
  Say(id, function_id, burrow::link::v1::TEMPLATE_PHASE_WANTED);
}

void ForkServers::LinkOpened() {
  for (const auto& [id, wanted] : wanted_)
    Say(id, wanted.request.spec().function_id(), burrow::link::v1::TEMPLATE_PHASE_WANTED);
}

std::optional<milliseconds> PatienceWithNext(const EarlierTemplate& earlier, milliseconds most) {
  if (earlier.forked) return milliseconds{0};
  if (earlier.age < earlier.patience) return std::nullopt;
  return std::min(std::max(2 * earlier.patience, kFirstPatience), most);
}

std::optional<milliseconds> ForkServers::PatienceWith(const std::string& key, const std::string& heads) const {
  const auto at = entries_.find(key);
  if (at == entries_.end() || at->second.warmed->ended()) return milliseconds{0};
  const Entry& earlier = at->second;
  if (earlier.heads == heads) return std::nullopt;
  const auto age = std::chrono::duration_cast<milliseconds>(services_.clock->Now() - earlier.made);
  return PatienceWithNext({.forked = earlier.forked, .age = age, .patience = earlier.patience}, options_.idle);
}

void ForkServers::Order(const burrow::link::v1::TemplateOrder& order) {
  auto wanted = wanted_.extract(order.template_id());
  if (order.warm()) {
    if (wanted && Begin(wanted.key(), std::move(wanted.mapped()))) return;
    // Control has counted it.
    return Say(order.template_id(), {}, burrow::link::v1::TEMPLATE_PHASE_ENDED);
  }
  const auto is_it = [&](const auto& entry) {
    return entry.second.warmed->Describe().template_id() == order.template_id();
  };
  if (const auto at = std::ranges::find_if(entries_, is_it); at != entries_.end()) Drop(at);
}

bool ForkServers::Begin(const std::string& id, Wanted wanted) {
  const auto patience = PatienceWith(wanted.key, wanted.heads);
  if (closed_ || !patience) return false;
  if (const auto at = entries_.find(wanted.key); at != entries_.end()) Drop(at);
  if (!MakeRoom()) return false;
  const auto deadline = StartDeadline(wanted.request.spec().function(), kLeastStartDeadline);
  auto made = Template::Start(services_, id, std::move(wanted.request), deadline);
  std::erase_if(made_, [](const auto& one) { return one.expired(); });
  made_.push_back(made);
  const SteadyTime now = services_.clock->Now();
  entries_[wanted.key] = {.warmed = std::move(made),
                          .heads = std::move(wanted.heads),
                          .made = now,
                          .last_used = now,
                          .patience = *patience};
  if (!std::exchange(sweeping_, true)) net::RunDetached(*services_.io, Sweep(), "ending of idle templates");
  return true;
}

void ForkServers::Say(const std::string& id, const std::string& function_id,
                      burrow::link::v1::TemplatePhase phase) const {
  burrow::link::v1::FromWorker message;
  message.mutable_template_update()->set_template_id(id);
  message.mutable_template_update()->set_function_id(function_id);
  message.mutable_template_update()->set_phase(phase);
  services_.send(std::move(message));
}

std::vector<burrow::link::v1::TemplateUpdate> ForkServers::Inventory() const {
  std::vector<burrow::link::v1::TemplateUpdate> inventory;
  for (const auto& weak : made_) {
    if (const auto made = weak.lock(); made && !made->freed()) inventory.push_back(made->Describe());
  }
  return inventory;
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
