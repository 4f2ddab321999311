#include "worker/worker.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <thread>

#include "base/log.h"
#include "builder/step_runner.h"
#include "imagefs/supervisor.h"
#include "link/worker_end.h"
#include "net/blocking_pool.h"
#include "net/detached.h"
#include "net/event.h"
#include "os/open_files.h"
#include "worker/api_socket.h"
#include "worker/build_manager.h"
#include "worker/cache_usage.h"
#include "worker/container_manager.h"
#include "worker/node.h"
#include "worker/shell_manager.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::FromControl;
using burrow::link::v1::FromWorker;
using std::chrono::milliseconds;

constexpr unsigned kPoolThreads = 8;
constexpr size_t kOpenFiles = 65'536;
constexpr milliseconds kUsageInterval{2'000};
constexpr milliseconds kStopGrace{2'000};
constexpr milliseconds kStopDeadline{8'000};
constexpr milliseconds kLastWordsPause{200};  // for the link to send the last updates
constexpr milliseconds kLinkDeadline{1'000};

builder::LaySource SourceLayer(SourceStore& sources) {
  return [&sources](const SourceFiles& files) -> Result<builder::LaidSource> {
    BURROW_ASSIGN_OR_RETURN(auto laid, sources.Materialise(files));
    return builder::LaidSource{.path = laid->path(), .hold = laid};
  };
}

// Calls that the functions of one container wait for at the same time, so that many containers leave the worker
// descriptors for its own work.
size_t ConnectionsOfAContainer() { return std::clamp<size_t>(os::RaiseOpenFiles(kOpenFiles) / 128, 16, 256); }

// The worker in operation, on top of a prepared node. Everything runs on the IoContext's one thread.
class Agent {
 public:
  Agent(const WorkerOptions& options, Node& node);
  Status Run();

 private:
  link::WorkerEndOptions LinkOptions();
  burrow::link::v1::Hello Hello() const;
  void OnLink(bool connected);
  void OnMessage(FromControl message);
  net::Task<void> KeepLink();
  net::Task<void> ReportUsage();
  net::Task<void> AwaitSignal();
  net::Task<void> Shut(Status outcome);
  void BeginShut(Status outcome);

  const WorkerOptions& options_;
  Node& node_;
  net::IoContext io_{1};
  net::BlockingPool pool_{kPoolThreads};
  SystemClock clock_;
  Payloads payloads_;
  builder::StepRunner steps_;
  std::unique_ptr<link::WorkerEnd> link_;
  std::shared_ptr<ApiDoor> api_;
  ContainerManager containers_;
  BuildManager builds_;
  ShellManager shells_;
  boost::asio::signal_set signals_;
  net::Event link_ended_{io_};
  bool link_running_ = true;
  bool shutting_ = false;
  Status outcome_;
};

Agent::Agent(const WorkerOptions& options, Node& node)
    : options_(options),
      node_(node),
      payloads_(node.store.get(), &pool_, node.layout.Containers()),
      steps_({.directory = node.layout.Builds(),
              .runtime = &*node.runtime,
              .images = node.leased_images.get(),
              .store = node.store.get(),
              .cache = node.cache.get(),
              .caches = node.cache_mounts.get(),
              .library = node.library,
              .lay_source = SourceLayer(*node.sources)}),
      link_(link::NewWorkerEnd(io_, LinkOptions())),
      api_(std::make_shared<ApiDoor>(ApiDoorOptions{.directory = node.layout.ApiSockets(),
                                                    .control_host = options.control_host,
                                                    .control_port = options.control_port,
                                                    .token = options.token,
                                                    .connected = [this] { return link_->connected(); },
                                                    .connections = ConnectionsOfAContainer()})),
      containers_({.io = &io_,
                   .pool = &pool_,
                   .runtime = &*node.runtime,
                   .images = node.leased_images.get(),
                   .sources = node.sources.get(),
                   .payloads = &payloads_,
                   .prefetcher = node.prefetcher.get(),
                   .accesses = node.accesses.get(),
                   .blob_directories = node.layout.BlobDirectories(),
                   .api = api_,
                   .blobs = node.store.get(),
                   .clock = &clock_,
                   .containers_directory = node.layout.Containers(),
                   .volumes_directory = node.layout.Volumes(),
                   .library = node.library,
                   .send = [this](FromWorker message) { link_->Send(std::move(message)); }}),
      builds_(&io_, &steps_, node.cache_mounts.get(), [this](FromWorker message) { link_->Send(std::move(message)); }),
      shells_({.io = &io_,
               .pool = &pool_,
               .runtime = &*node.runtime,
               .images = node.leased_images.get(),
               .cache = node.cache.get(),
               .directory = node.layout.Containers(),
               .containers = &containers_.services(),
               .find_container = [this](const std::string& id) { return containers_.FindExecTarget(id); },
               .send = [this](FromWorker message) { link_->Send(std::move(message)); }}),
      signals_(io_, SIGTERM) {
  if (options.takes_interrupts) signals_.add(SIGINT);
}

link::WorkerEndOptions Agent::LinkOptions() {
  return {.host = options_.control_host,
          .port = options_.control_port,
          .token = options_.token,
          .hello = [this] { return Hello(); },
          .on_message = [this](FromControl message) { OnMessage(std::move(message)); },
          .on_open = [this] { OnLink(true); },
          .on_lost = [this] { OnLink(false); }};
}

void Agent::OnLink(bool connected) {
  containers_.LinkChanged(connected);
  shells_.LinkChanged(connected);
  if (connected) builds_.LinkOpened();
  if (connected && options_.on_ready) options_.on_ready();
}

burrow::link::v1::Hello Agent::Hello() const {
  burrow::link::v1::Hello hello;
  hello.set_protocol(1);
  hello.set_worker_id(node_.worker_id);
  hello.set_cpus(std::max(1u, std::thread::hardware_concurrency()));
  hello.set_memory_bytes(static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                         static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE)));
  for (auto& update : containers_.Inventory()) *hello.add_inventory() = std::move(update);
  for (auto& update : containers_.Templates()) *hello.add_templates() = std::move(update);
  return hello;
}

void Agent::OnMessage(FromControl message) {
  switch (message.message_case()) {
    case FromControl::kStart:
      if (!shutting_) containers_.Start(std::move(*message.mutable_start()));
      break;
    case FromControl::kStop:
      containers_.Stop(message.stop());
      break;
    case FromControl::kCall:
      containers_.Dispatch(std::move(*message.mutable_call()));
      break;
    case FromControl::kCancel:
      containers_.Cancel(message.cancel());
      break;
    case FromControl::kBuild:
      if (!shutting_) builds_.Start(std::move(*message.mutable_build()));
      break;
    case FromControl::kCancelStep:
      builds_.Cancel(message.cancel_step().step_id());
      break;
    case FromControl::kAgentAnswer:
      builds_.Answer(std::move(*message.mutable_agent_answer()));
      break;
    case FromControl::kPruneCaches:
      builds_.PruneCaches(message.prune_caches().workspace());
      break;
    case FromControl::kStartShell:
      if (!shutting_) shells_.Start(std::move(*message.mutable_start_shell()));
      break;
    case FromControl::kShellInput:
      shells_.Input(message.shell_input());
      break;
    case FromControl::kCloseShell:
      shells_.Close(message.close_shell().shell_id());
      break;
    case FromControl::kVolumeApplied:
      containers_.VolumeApplied(message.volume_applied());
      builds_.VolumeApplied(message.volume_applied());
      shells_.VolumeApplied(message.volume_applied());
      break;
    case FromControl::kTemplateOrder:
      containers_.OrderTemplate(message.template_order());
      break;
    case FromControl::kVolumeRequest:
      containers_.AskVolume(message.volume_request());
      break;
    case FromControl::kWelcome:
    case FromControl::MESSAGE_NOT_SET:
      break;
  }
}

net::Task<void> Agent::KeepLink() {
  Status ended = co_await link_->Run();
  link_running_ = false;
  link_ended_.Notify();
  BeginShut(std::move(ended));
}

net::Task<void> Agent::AwaitSignal() {
  auto [error, signal] = co_await signals_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (!error) BeginShut({});
}

net::Task<void> Agent::ReportUsage() {
  boost::asio::steady_timer timer(io_);
  while (!shutting_) {
    auto usage = co_await net::RunBlocking(pool_, containers_.UsageReader());
    FillCacheUsage(*node_.keeper, *node_.cache_signals, usage);
    FillImagefsUsage(*node_.images, *node_.cache_signals, usage);
    FromWorker message;
    *message.mutable_usage() = std::move(usage);
    if (link_->connected()) link_->Send(std::move(message));
    timer.expires_after(kUsageInterval);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
}

void Agent::BeginShut(Status outcome) {
  if (std::exchange(shutting_, true)) return;
  net::RunDetached(io_, Shut(std::move(outcome)), "stop the worker");
}

net::Task<void> Agent::Shut(Status outcome) {
  outcome_ = std::move(outcome);
  LogInfo("stopping {} containers", containers_.size());
  shells_.CloseAll();
  bool containers_gone = co_await containers_.StopAll(kStopGrace, kStopDeadline);
  bool builds_gone = co_await builds_.StopAll(kStopGrace);
  bool shells_gone = co_await shells_.StopAll(kStopGrace);
  if (!containers_gone || !builds_gone || !shells_gone)
    LogWarn("some containers, builds or shells did not end in time; their control groups are killed now");
  boost::asio::steady_timer last_words(io_, link_->connected() ? kLastWordsPause : milliseconds(0));
  co_await last_words.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  link_->Stop();
  if (link_running_) co_await link_ended_.Wait(kLinkDeadline);
  io_.stop();
}

Status Agent::Run() {
  net::RunDetached(io_, KeepLink(), "link");
  net::RunDetached(io_, AwaitSignal(), "signals");
  net::RunDetached(io_, ReportUsage(), "usage");
  io_.run();
  return std::move(outcome_);
}

}  // namespace

Status RunWorker(const WorkerOptions& options) {
  // Keeps its handler in place until the node is cleaned up: who asks a second time must not cut that short.
  boost::asio::io_context nobody;
  boost::asio::signal_set held(nobody, SIGTERM);
  BURROW_ASSIGN_OR_RETURN(auto node, PrepareNode(options));
  LogInfo("worker {} is up, instance {}", node->worker_id, node->tag);
  return Agent(options, *node).Run();
}

}  // namespace burrow::worker
