#include "control/ongoing_build.h"

#include <utility>

namespace burrow::control {
namespace {

constexpr size_t kMaxEventBytes = 8u << 20;  // that a slow client has not taken
constexpr size_t kMaxAgentConnections = 256;

}  // namespace

std::string OngoingBuild::CacheKey(const StepCall& call) const {
  return call.common || cache_scope_.empty() ? call.key : cache_scope_ + "/" + call.key;
}

net::Task<Status> OngoingBuild::Remember(const StepCall& call, BuiltTree built) {
  return services.cache.Put(CacheKey(call), std::move(built));
}

net::Task<Result<BuiltTree>> OngoingBuild::Step(const StepCall& call, const Execute& execute) {
  BURROW_CO_RETURN_IF_ERROR(Check());
  auto begin = services.clock.Now();
  std::optional<BuiltTree> cached;
  if (!call.fresh) cached = co_await services.cache.Find(CacheKey(call));
  uint32_t step = next_step_++;
  if (cached) {
    Use(cached->image);
    AddStep(step, call, pb::StepEvent::STATE_CACHED, MillisBetween(begin, services.clock.Now()));
    co_return std::move(*cached);
  }
  AddStep(step, call, pb::StepEvent::STATE_STARTED, 0);
  auto outcome = co_await execute(step);
  auto state = outcome ? pb::StepEvent::STATE_DONE : pb::StepEvent::STATE_FAILED;
  AddStep(step, call, state, MillisBetween(begin, services.clock.Now()));
  if (outcome) Use(outcome->image);
  if (outcome) co_return outcome;
  // What a step could not reach is not this server.
  auto code = outcome.error().code() == Code::kUnavailable ? Code::kFailedPrecondition : outcome.error().code();
  std::string where = call.place.empty() ? std::string() : call.place + ": ";
  co_return Fail(code, "{}image step {} ({}) failed: {}", where, step + 1, call.description, outcome.error().message());
}

net::Task<Result<BuiltTree>> OngoingBuild::Local(const StepCall& call, const Execute& execute) {
  auto stored = [this, &call, &execute](uint32_t step) -> net::Task<Result<BuiltTree>> {
    auto built = co_await execute(step);
    BURROW_CO_RETURN_IF_ERROR(built);
    built->created_ms = services.clock.UnixMillis();
    BURROW_CO_RETURN_IF_ERROR(co_await Remember(call, *built));
    co_return built;
  };
  co_return co_await Step(call, stored);
}

net::Task<Result<BuiltTree>> OngoingBuild::OnWorker(const StepCall& call, lpb::BuildStep work, uint32_t step) {
  bool has_agent = false;
  work.set_workspace(workspace);
  work.set_timeout_ms(work.step().run_function().function().timeout_ms());
  if (work.timeout_ms() == 0) work.set_timeout_ms(static_cast<uint32_t>(step_timeout().count()));
  for (const auto& mount : work.run().mounts()) has_agent |= mount.has_agent();
  if (request.has_source_date_epoch()) work.set_source_date_epoch(request.source_date_epoch());
  auto sharing = call.fresh || has_agent ? Builds::Sharing::kOwn : Builds::Sharing::kShared;
  auto run = services.builds.Join(CacheKey(call), std::move(work), sharing);
  Builds::Wait wait(services.builds, run);
  if (has_agent) HearAgent(run);
  auto outcome = co_await Follow(*run, step);
  if (has_agent) run->on_agent = nullptr;
  if (!outcome && run->left && !cancelled_) co_await KeepWhatWasLeft(call, *run, step);
  co_return outcome;
}

net::Task<Result<BuiltTree>> OngoingBuild::Follow(StepRun& run, uint32_t step) {
  struct Following {
    ~Following() { followed.erase(run); }
    std::set<StepRun*>& followed;
    StepRun* run;
  } following{followed_, &run};
  followed_.insert(&run);
  uint64_t next = run.first_line;
  for (;;) {
    next = std::max(next, run.first_line);
    for (; next < run.first_line + run.lines.size(); ++next) Say(step, run.lines[next - run.first_line]);
    if (run.outcome || cancelled_) break;
    SayWait(step, run.waits_for);
    co_await run.changed.Wait(services.timings.heartbeat);
  }
  BURROW_CO_RETURN_IF_ERROR(Check());
  co_return *run.outcome;
}

void OngoingBuild::HearAgent(const std::shared_ptr<StepRun>& run) {
  run->on_agent = [weak = weak_from_this(), weak_run = std::weak_ptr(run)](const lpb::AgentRequest& said) {
    auto self = weak.lock();
    if (!self) return;
    bool is_full = self->event_bytes_ >= kMaxEventBytes;
    if (auto run = weak_run.lock(); run && is_full)
      return self->services.builds.AnswerAgent(*run, said.connection(), {});
    if (said.message().empty()) {
      self->agents_.erase(said.connection());
    } else if (self->agents_.size() < kMaxAgentConnections) {
      self->agents_[said.connection()] = weak_run;
    }
    pb::BuildEvent event;
    event.mutable_agent()->set_build_id(self->id.str());
    event.mutable_agent()->set_connection(said.connection());
    event.mutable_agent()->set_agent(said.agent());
    event.mutable_agent()->set_message(said.message());
    self->Add(std::move(event));
  };
}

void OngoingBuild::AnswerAgent(const std::string& connection, const std::string& message) {
  auto found = agents_.find(connection);
  if (found == agents_.end()) return;
  if (auto run = found->second.lock()) services.builds.AnswerAgent(*run, connection, message);
  if (message.empty()) agents_.erase(found);
}

// The filesystem of a failed step becomes an image, so that one can look at it.
net::Task<void> OngoingBuild::KeepWhatWasLeft(const StepCall& call, const StepRun& run, uint32_t step) {
  BuiltTree left = *run.left;
  (*left.image.mutable_labels())[kLeftByLabel] = id.str();
  auto kept = co_await services.records.Keep({.workspace = workspace,
                                              .tree = std::move(left),
                                              .description = "left by the failed step " + call.description,
                                              .build = id.str()});
  if (!kept) co_return;
  left_[step] = kept->str();
  Note(fmt::format("the filesystem as the failed step left it is the image {}", kept->str()));
}

void OngoingBuild::Say(uint32_t step, const std::string& line) {
  services.logs.Append(log_id(), fmt::format("#{} {}", step + 1, line));
  if (event_bytes_ >= kMaxEventBytes) {
    unseen_lines_++;
    return;
  }
  pb::BuildEvent event;
  event.mutable_output()->set_step(step);
  event.mutable_output()->set_line(line);
  Add(std::move(event));
}

void OngoingBuild::SayWait(uint32_t step, const std::string& waits_for) {
  auto known = waits_.find(step);
  if (waits_for == (known == waits_.end() ? std::string() : known->second)) return;
  if (event_bytes_ >= kMaxEventBytes) return;  // who is that slow sees the next one
  if (waits_for.empty()) {
    waits_.erase(known);
  } else {
    waits_[step] = waits_for;
    services.logs.Append(log_id(), fmt::format("#{} waiting for {} ...", step + 1, waits_for));
  }
  pb::BuildEvent event;
  event.mutable_wait()->set_step(step);
  event.mutable_wait()->set_waits_for(waits_for);
  Add(std::move(event));
}

void OngoingBuild::Note(const std::string& text) {
  services.logs.Append(log_id(), text);
  pb::BuildEvent event;
  event.set_note(text);
  Add(std::move(event));
}

void OngoingBuild::AddStep(uint32_t step, const StepCall& call, pb::StepEvent::State state, double ms) {
  static constexpr std::array kWords = {"", "begins", "CACHED", "done", "FAILED"};
  std::string time = state == pb::StepEvent::STATE_DONE ? fmt::format(" in {:.1f} s", ms / 1000) : std::string();
  services.logs.Append(log_id(), fmt::format("#{} {} {}{}", step + 1, call.description, kWords.at(state), time));
  pb::BuildEvent event;
  event.mutable_step()->set_step(step);
  event.mutable_step()->set_state(state);
  event.mutable_step()->set_description(call.description);
  event.mutable_step()->set_ms(ms);
  event.mutable_step()->set_stage(call.stage);
  if (const auto left = left_.find(step); left != left_.end()) event.mutable_step()->set_left_image(left->second);
  Add(std::move(event));
}

void OngoingBuild::Add(pb::BuildEvent event) {
  event_bytes_ += event.ByteSizeLong();
  events_.push_back(std::move(event));
  Wake();
}

std::optional<pb::BuildEvent> OngoingBuild::TakeEvent() {
  if (events_.empty()) {
    if (unseen_lines_ == 0) return std::nullopt;
    pb::BuildEvent event;
    event.set_note(fmt::format("{} lines are in the log alone", std::exchange(unseen_lines_, 0)));
    return event;
  }
  auto event = std::move(events_.front());
  events_.pop_front();
  event_bytes_ -= event.ByteSizeLong();
  return event;
}

net::Task<bool> OngoingBuild::WaitForChange() { co_return co_await changed_.Wait(services.timings.heartbeat); }

void OngoingBuild::Cancel() {
  if (std::exchange(cancelled_, true)) return;
  stop_.request_stop();
  for (StepRun* run : followed_) run->changed.Notify();
  Wake();
}

Status OngoingBuild::Check() const {
  if (!cancelled_) return {};
  return Fail(Code::kCancelled, "the build was cancelled");
}

Millis OngoingBuild::step_timeout() const {
  return request.step_timeout_ms() ? Millis(request.step_timeout_ms()) : services.timings.build_step;
}

TreeOptions OngoingBuild::tree_options() const {
  TreeOptions options{.stop = stop_.get_token()};
  if (request.has_source_date_epoch()) options.source_date_epoch = request.source_date_epoch();
  return options;
}

}  // namespace burrow::control
