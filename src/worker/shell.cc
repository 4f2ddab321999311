#include "worker/shell.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "net/detached.h"
#include "net/event.h"
#include "os/fs.h"
#include "worker/container_volumes.h"
#include "worker/coroutine.h"
#include "worker/shell_input.h"
#include "worker/shell_plan.h"
#include "worker/shell_start.h"
#include "worker/utf8.h"

namespace burrow::worker {

namespace asio = boost::asio;

namespace {

using burrow::link::v1::FromWorker;
using burrow::link::v1::ShellOutput;
using burrow::link::v1::StartShell;
using std::chrono::milliseconds;
using Descriptor = asio::posix::stream_descriptor;

constexpr size_t kOutputPiece = 32u << 10;
constexpr milliseconds kLookAgain{3'600'000};  // a wait that an event ends
constexpr milliseconds kLastOutput{5'000};     // between the container's end and that of its output
constexpr milliseconds kShellReapDeadline{10'000};

// Control has forgotten a shell that it closed: a client hears this when the worker is the one who closes.
Status Closed() { return Fail(Code::kCancelled, "the shell was closed: its worker stops"); }

}  // namespace

struct Shell::State : std::enable_shared_from_this<State> {
  State(const ShellServices& given, StartShell asked, std::function<void()> gone)
      : services(given),
        request(std::move(asked)),
        on_gone(std::move(gone)),
        input(given.io, [this](uint64_t taken) { SayTaken(taken); }),
        changed(*given.io) {
    if (request.volumes().empty() || !services.containers) return;
    volumes.emplace(*services.containers,
                    ContainerVolumesOptions{.container_id = request.shell_id(),
                                            .volumes = {request.volumes().begin(), request.volumes().end()},
                                            .reloads = false,
                                            .log = [this](const std::string& line) { SayLine(line); }});
  }

  net::Task<void> Live();
  net::Task<Status> RunToTheEnd();
  void Follow(UniqueFd fd, std::string* (ShellOutput::*field)());
  net::Task<void> Pump(std::shared_ptr<Descriptor> source, std::string* (ShellOutput::*field)());
  net::Task<void> AwaitOutput();
  net::Task<void> TearDown();
  void SayLine(const std::string& text);
  Status SayFault(const ProgramFault& fault);
  void SayTaken(uint64_t taken);
  void SayEnded(const Status& outcome);
  void Close();

  ShellServices services;
  StartShell request;
  std::function<void()> on_gone;
  std::optional<ContainerVolumes> volumes;  // of a function
  RunningShell running;
  std::vector<std::shared_ptr<Descriptor>> sources;
  ShellInput input;
  net::Event changed;            // room in the window, a pump that ended, or the close
  uint64_t sent = 0, taken = 0;  // bytes of output
  int pumps = 0;
  int held_back = 0;  // pumps that wait for room
  bool closed = false;
  bool started = false;                       // and not yet waited for: the container may be told things
  std::optional<runtime::TerminalSize> size;  // that came before the start
  std::optional<runtime::ContainerExit> exit;
};

net::Task<void> Shell::State::Live() {
  auto self = shared_from_this();
  Status outcome;
  try {
    outcome = co_await RunToTheEnd();
  } catch (const std::exception& e) {
    outcome = Fail(Code::kInternal, "the worker lost hold of the shell: {}", e.what());
  }
  started = false;
  if (volumes) co_await volumes->CommitLast();
  co_await TearDown();
  if (volumes) co_await volumes->Close();
  SayEnded(outcome);
  std::exchange(on_gone, nullptr)();
}

net::Task<Status> Shell::State::RunToTheEnd() {
  Status status = co_await StartShellProcess(services, request, volumes ? &*volumes : nullptr, running);
  BURROW_CO_RETURN_IF_ERROR(status);
  if (closed) co_return Closed();
  if (running.fault) co_return SayFault(*running.fault);
  started = true;
  if (volumes) volumes->Begin(nullptr);
  if (size) (void)running.process.ResizeTerminal(*size);
  input.SetDestination(std::move(running.wires.input), request.has_terminal());
  Follow(std::move(running.wires.output), &ShellOutput::mutable_output);
  if (running.wires.errors.valid()) Follow(std::move(running.wires.errors), &ShellOutput::mutable_error_output);
  const int pidfd = running.process.pidfd();
  while (!co_await WaitReadable(pidfd, kLookAgain)) {
  }
  started = false;
  auto ended = co_await net::RunBlocking(*services.pool, [this] { return running.process.Wait(kShellReapDeadline); });
  BURROW_CO_RETURN_IF_ERROR(ended);
  if (closed) co_return Closed();
  exit = *ended;
  co_await AwaitOutput();
  co_return Status();
}

void Shell::State::Follow(UniqueFd fd, std::string* (ShellOutput::*field)()) {
  auto source = std::make_shared<Descriptor>(*services.io, fd.Release());
  sources.push_back(source);
  ++pumps;
  net::RunDetached(*services.io, Pump(std::move(source), field), "output of " + request.shell_id());
}

net::Task<void> Shell::State::Pump(std::shared_ptr<Descriptor> source, std::string* (ShellOutput::*field)()) {
  auto self = shared_from_this();
  std::string buffer(kOutputPiece, '\0');
  while (!closed) {
    if (sent - taken >= kShellWindow) {
      ++held_back;
      co_await changed.Wait(kLookAgain);
      --held_back;
      continue;
    }
    auto [error, bytes] = co_await source->async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    if (error || closed) break;
    sent += bytes;
    FromWorker message;
    message.mutable_shell_output()->set_shell_id(request.shell_id());
    (message.mutable_shell_output()->*field)()->assign(buffer, 0, bytes);
    services.send(std::move(message));
  }
  --pumps;
  changed.Notify();
}

// Everything that could write is dead: what is left comes soon, unless the client is slow.
net::Task<void> Shell::State::AwaitOutput() {
  while (pumps > 0 && !closed) {
    const bool event = co_await changed.Wait(kLastOutput);
    if (!event && held_back == 0) break;
  }
}

net::Task<void> Shell::State::TearDown() {
  closed = true;
  input.Close();
  for (const auto& source : sources) {
    boost::system::error_code ignored;
    source->close(ignored);
  }
  changed.Notify();
  Status removed = co_await net::RunBlocking(*services.pool, [this] {
    running.process.Reset();
    running.image = {};
    running.inputs = {};
    return os::RemoveTree(services.directory + "/" + request.shell_id());
  });
  if (!removed) LogWarn("shell {}: {}", request.shell_id(), removed.error().message());
}

// As a shell on the same terminal or pipes would.
void Shell::State::SayLine(const std::string& text) {
  FromWorker message;
  auto& output = *message.mutable_shell_output();
  output.set_shell_id(request.shell_id());
  const bool terminal = request.has_terminal();
  const std::string line = ToUtf8("burrow shell: " + text) + (terminal ? "\r\n" : "\n");
  (terminal ? output.mutable_output() : output.mutable_error_output())->assign(line);
  services.send(std::move(message));
}

Status Shell::State::SayFault(const ProgramFault& fault) {
  SayLine(fault.message);
  exit = runtime::ContainerExit{.status = {.code = fault.code}};
  return {};
}

void Shell::State::SayTaken(uint64_t bytes) {
  FromWorker message;
  message.mutable_shell_output()->set_shell_id(request.shell_id());
  message.mutable_shell_output()->set_input_taken(bytes);
  services.send(std::move(message));
}

void Shell::State::SayEnded(const Status& outcome) {
  FromWorker message;
  auto& ended = *message.mutable_shell_ended();
  ended.set_shell_id(request.shell_id());
  if (!outcome) ended.set_error(ToUtf8(outcome.error().message()));
  if (exit) *ended.mutable_exit() = ToShellExit(*exit);
  services.send(std::move(message));
}

void Shell::State::Close() {
  if (std::exchange(closed, true)) return;
  if (started) running.process.Kill();
  changed.Notify();
}

Shell::Shell(const ShellServices& services, StartShell request, std::function<void()> on_gone)
    : state_(std::make_shared<State>(services, std::move(request), std::move(on_gone))) {
  net::RunDetached(*services.io, state_->Live(), "shell " + state_->request.shell_id());
}
Shell::~Shell() = default;

void Shell::Input(const burrow::link::v1::ShellInput& said) {
  State& state = *state_;
  if (said.taken() > state.taken && said.taken() <= state.sent) {
    state.taken = said.taken();
    state.changed.Notify();
  }
  if (said.has_size()) {
    state.size = SizeOf(said.size());
    if (state.started) (void)state.running.process.ResizeTerminal(*state.size);
  }
  if (!said.data().empty() && !state.input.Add(said.data())) {
    LogWarn("shell {}: more input came than it has room for", state.request.shell_id());
    return state.Close();
  }
  if (said.end()) state.input.End();
}

void Shell::Close() { state_->Close(); }
void Shell::Hurry() {
  if (state_->volumes) state_->volumes->Hurry();
}
void Shell::VolumeApplied(const burrow::link::v1::VolumeApplied& answer) {
  if (state_->volumes) state_->volumes->Applied(answer);
}
void Shell::LinkChanged() {
  if (state_->volumes) state_->volumes->LinkChanged();
}

}  // namespace burrow::worker
