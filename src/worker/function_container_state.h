// What a FunctionContainer is made of. Private to it: function_container_start.cc has the way to a runner that is told
// what to load, function_container.cc the rest of its life.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "link/protocol.h"
#include "worker/call_lane.h"
#include "worker/container_log.h"
#include "worker/container_volumes.h"
#include "worker/disk_bound.h"
#include "worker/early_output.h"
#include "worker/end_verdict.h"
#include "worker/fork_servers.h"
#include "worker/fresh_start.h"
#include "worker/function_container.h"
#include "worker/hot_start.h"
#include "worker/output_pump.h"
#include "worker/runner_channel.h"
#include "worker/runner_wires.h"
#include "worker/running_container.h"

namespace burrow::worker {

struct FunctionContainer::State final : LaneHost, std::enable_shared_from_this<State> {
  State(const ContainerServices& given, burrow::link::v1::StartContainer asked, ContainerDeadlines limits,
        std::function<void()> gone)
      : services(given),
        request(std::move(asked)),
        id(request.container_id()),
        deadlines(limits),
        on_gone(std::move(gone)),
        log(*given.io, {.app_id = request.spec().app_id(),
                        .function = request.spec().function().name(),
                        .container_id = id,
                        .clock = given.clock,
                        .send = given.send}),
        volumes(given, {.container_id = id,
                        .volumes = {request.volumes().begin(), request.volumes().end()},
                        .reloads = request.spec().function().runtime() != "runsc",
                        .times = limits.commits,
                        .log = [this](std::string line) { log.AddSystem(std::move(line)); }}),
        lane(*given.io, this, given.payloads,
             {.container_id = id, .grace = limits.call_grace, .width = link::CallsAtOnce(request.spec().function())}),
        start_timer(*given.io),
        stop_timer(*given.io) {}

  // LaneHost
  void SendToRunner(std::string_view header, std::string_view body, std::shared_ptr<Spool> file) override {
    channel->Send(header, body, std::move(file));
  }
  void InterruptRunner() override { Signal(SIGUSR1); }
  void CallWouldNotEnd(std::string call_id, std::string sentence) override {
    if (facts.reason == EndReason::kNone) facts.call_id = std::move(call_id);
    Kill(EndReason::kCallWouldNotEnd, std::move(sentence));
  }
  void Report(burrow::link::v1::FromWorker message) override {
    log.Flush();
    services.send(std::move(message));
  }

  net::Task<void> Live();
  net::Task<void> LaunchAndRun();
  net::Task<Status> Launch();
  net::Task<Status> TakeIn(ForkedContainer forked);
  net::Task<Status> StartFromNothing();
  Status Connect(RunnerWires wires, const std::string& function);
  net::Task<void> ReadFrames();
  net::Task<void> Handle(ReceivedFrame frame);
  void OnReady(SteadyTime now);
  net::Task<void> AwaitExit();
  net::Task<void> TearDown();
  void AddOutput(burrow::v1::LogStream stream, std::string text, bool partial);
  void ArmStartDeadline();
  void BoundDisk();
  void Stop(std::chrono::milliseconds grace);
  void Kill(EndReason reason, std::string sentence);
  void KillNow();
  void Signal(int signal);
  void SendUpdate();
  void AddPhase(const char* name, double ms, std::string note = {});
  bool wants_forks() const { return services.forks != nullptr && request.spec().function().memory_snapshot(); }

  ContainerServices services;
  burrow::link::v1::StartContainer request;
  std::string id;
  ContainerDeadlines deadlines;
  std::function<void()> on_gone;

  ContainerState phase = ContainerState::kStarting;
  burrow::link::v1::ContainerUpdate update;  // the last that was, or is about to be, sent
  EndFacts facts;
  ContainerLog log;
  ContainerVolumes volumes;
  CallLane lane;
  boost::asio::steady_timer start_timer, stop_timer;
  EarlyOutput early_output;
  SteadyTime began, launched, said_hello;
  std::string directory;
  ContainerInputs inputs;  // until the container is destroyed
  std::optional<HotStart> hot_start;
  std::shared_ptr<TemplateUse> forked_from;                      // null: it was started from nothing
  std::string why_not_forked;                                    // empty: nobody asked for it
  std::optional<burrow::link::v1::StartContainer> to_be_warmed;  // once it is ready
  std::shared_ptr<RunningContainer> container;
  std::unique_ptr<RunnerChannel> channel;
  std::unique_ptr<ApiSocket> api;
  std::unique_ptr<OutputPump> output;
  std::optional<DiskBound> disk;
  bool ended = false;  // the process is gone: no more signals
};

}  // namespace burrow::worker
