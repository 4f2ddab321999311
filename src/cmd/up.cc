// `burrowd up`: starts control and a worker as child processes, writes the client's config, and stops both on a signal.
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iterator>
#include <optional>

#include "base/log.h"
#include "cmd/client_config.h"
#include "cmd/handshake.h"
#include "cmd/listen_check.h"
#include "cmd/options.h"
#include "imagefs/killed_holder.h"
#include "os/fs.h"
#include "os/process.h"

namespace burrow::cmd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kChildHandshakeFd = 3;
constexpr milliseconds kControlReady = seconds(60);
constexpr milliseconds kWorkerReady = seconds(60);
constexpr milliseconds kStopGrace = seconds(30);
constexpr milliseconds kPredecessorsStop = seconds(30);
// A child that ends is started again, but not more often than this in a row without a quiet minute between.
constexpr int kMaxRestarts = 5;
constexpr seconds kQuiet{60};
constexpr milliseconds kRestartPause{500};

struct ControlReady {
  uint16_t port = 0;
  std::string client_token, worker_token;
};

// A process of this group, and how to start it again.
class Child {
 public:
  explicit Child(std::string name) : name_(std::move(name)) {}

  // Starts it and gives our end of the handshake.
  Result<UniqueFd> Start(std::vector<std::string> argv) {
    BURROW_ASSIGN_OR_RETURN(Handshake handshake, MakeHandshake());
    argv.insert(argv.end(), {"--handshake-fd", std::to_string(kChildHandshakeFd)});
    os::SpawnOptions options;
    options.argv = std::move(argv);
    options.fds = {{0, 0}, {1, 1}, {2, 2}, {handshake.theirs.get(), kChildHandshakeFd}};
    options.parent_death_signal = SIGTERM;
    BURROW_ASSIGN_OR_RETURN(process_, os::Spawn(options));
    ready_.reset();
    return std::move(handshake.ours);
  }

  // Whether it may be started once more after it ended.
  bool MayRestart() {
    if (ready_ && std::chrono::steady_clock::now() - *ready_ > kQuiet) restarts_ = 0;
    return ++restarts_ <= kMaxRestarts;
  }
  void NoteReady() { ready_ = std::chrono::steady_clock::now(); }
  void Stop() {
    if (!process_.running()) return;
    auto status = process_.Stop(kStopGrace);
    if (!status) LogWarn("{}: {}", name_, status.error().message());
  }
  os::Process& process() { return process_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  os::Process process_;
  std::optional<std::chrono::steady_clock::time_point> ready_;  // since when
  int restarts_ = 0;
};

class Up {
 public:
  explicit Up(const UpCommand& command) : command_(command) {}

  Status Run() {
    BURROW_RETURN_IF_ERROR(CheckHost());
    BURROW_RETURN_IF_ERROR(CheckFirstStart(command_.common.state_directory, command_.listen));
    BURROW_RETURN_IF_ERROR(PrepareState());
    AwaitPredecessors();
    BURROW_RETURN_IF_ERROR(BlockSignals());
    Status status = Begin();
    if (status) status = Supervise();
    if (status) Drain();
    // Control first: it ends what its worker runs, and keeps what is left for the next start.
    control_.Stop();
    worker_.Stop();
    // Whoever stops it while it starts gets what he asked for.
    return !status && status.error().code() == Code::kCancelled ? Status() : std::move(status);
  }

 private:
  Status Begin() {
    BURROW_RETURN_IF_ERROR(StartControl());
    BURROW_RETURN_IF_ERROR(WriteConfig());
    BURROW_RETURN_IF_ERROR(StartWorker());
    BURROW_RETURN_IF_ERROR(AwaitWorker());
    fmt::print("burrowd ready {}\n", Url());
    std::fflush(stdout);
    return {};
  }
  Status PrepareState() {
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(command_.common.state_directory, 0700));
    command_.common.state_directory = std::filesystem::canonical(command_.common.state_directory);
    auto lock = os::LockFile(command_.common.state_directory + "/up.lock");
    if (!lock) {
      return Fail(Code::kFailedPrecondition, "another burrowd uses {}: stop it, or choose another --state-dir",
                  command_.common.state_directory);
    }
    lock_ = std::move(*lock);
    return {};
  }

  // The children of an `up` that was killed stop by themselves, and hold their locks and the port until they have.
  // Where they do not, the new ones say so.
  void AwaitPredecessors() const {
    const auto deadline = std::chrono::steady_clock::now() + kPredecessorsStop;
    for (const char* lock : {"/control/lock", "/worker/lock"}) {
      std::string path = command_.common.state_directory + lock;
      std::error_code error;
      if (!std::filesystem::exists(path, error)) continue;
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
      (void)imagefs::AwaitLock(path, command_.common.state_directory + "/worker/imagefs", {left, left});
    }
  }

  Status BlockSignals() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_.Reset(::signalfd(-1, &set, SFD_CLOEXEC));
    if (!signals_.valid()) return FailErrno("signalfd");
    return {};
  }

  Status StartControl() {
    std::string listen = fmt::format("{}:{}", command_.listen.host, command_.listen.port);
    std::vector<std::string> argv = {
        SelfPath(), "control", "--state-dir",  command_.common.state_directory,
        "--listen", listen,    "--blob-grace", std::to_string(command_.blobs.grace_seconds)};
    if (!command_.blobs.store.empty()) argv.insert(argv.end(), {"--blob-store", command_.blobs.store});
    if (!command_.blobs.credentials_file.empty()) {
      argv.insert(argv.end(), {"--blob-credentials", command_.blobs.credentials_file});
    }
    argv.insert(argv.end(), {"--drain", std::to_string(command_.drain.count())});
    if (!command_.default_registry.empty()) {
      argv.insert(argv.end(), {"--default-registry", command_.default_registry});
    }
    BURROW_ASSIGN_OR_RETURN(UniqueFd handshake, control_.Start(std::move(argv)));
    BURROW_ASSIGN_OR_RETURN(auto ready, ReceiveLine(handshake.get(), kControlReady, signals_.get()));
    control_.NoteReady();
    ready_.port = ready.at("port").get<uint16_t>();
    ready_.client_token = ready.at("client_token").get<std::string>();
    ready_.worker_token = ready.at("worker_token").get<std::string>();
    command_.listen.port = ready_.port;  // a restarted control takes the same one
    return {};
  }

  // It is ready once it has reached control, for which only the first start waits.
  Status StartWorker() {
    std::vector<std::string> argv = {SelfPath(),      "worker",
                                     "--state-dir",   command_.common.state_directory,
                                     "--control",     fmt::format("{}:{}", ConnectHost(), ready_.port),
                                     "--runtime",     command_.runtime,
                                     "--image-fs",    command_.image_fs,
                                     "--cache-quota", std::to_string(command_.cache_quota)};
    if (!command_.sdk_directory.empty()) argv.insert(argv.end(), {"--sdk-dir", command_.sdk_directory});
    BURROW_ASSIGN_OR_RETURN(worker_says_, worker_.Start(std::move(argv)));
    return SendLine(worker_says_.get(), {{"token", ready_.worker_token}});
  }
  Status AwaitWorker() {
    auto ready = ReceiveLine(worker_says_.get(), kWorkerReady, signals_.get());
    worker_says_.Reset();
    if (ready) worker_.NoteReady();
    return ready ? Status() : Forward(std::move(ready.error()));
  }

  // Where the first client's token was revoked, users have tokens of their own.
  Status WriteConfig() {
    if (ready_.client_token.empty()) return {};
    std::string path = command_.config_file.empty() ? DefaultClientConfigPath() : command_.config_file;
    return WriteClientConfig(path, Url(), ready_.client_token);
  }

  // Until a signal comes, or a child ends, or cannot be started, too often.
  Status Supervise() {
    while (true) {
      pollfd waiting[] = {{signals_.get(), POLLIN, 0},
                          {control_.process().pidfd(), POLLIN, 0},
                          {worker_.process().pidfd(), POLLIN, 0},
                          {worker_says_.get(), POLLIN, 0}};
      if (::poll(waiting, std::size(waiting), -1) < 0) {
        if (errno == EINTR) continue;
        return FailErrno("poll");
      }
      if (waiting[0].revents) return {};
      if (waiting[3].revents) {
        if (Status said = AwaitWorker(); !said) LogWarn("worker: {}", said.error().message());
      }
      if (waiting[1].revents) BURROW_RETURN_IF_ERROR(Restart(control_, [this] { return StartControl(); }));
      if (waiting[2].revents) BURROW_RETURN_IF_ERROR(Restart(worker_, [this] { return StartWorker(); }));
    }
  }

  // Control stops by itself once the calls that run have ended; a second signal ends the wait.
  void Drain() {
    if (command_.drain == seconds(0)) return;
    signalfd_siginfo taken;
    (void)!::read(signals_.get(), &taken, sizeof taken);
    if (!control_.process().Signal(kDrainSignal)) return;
    pollfd waiting[] = {{signals_.get(), POLLIN, 0}, {control_.process().pidfd(), POLLIN, 0}};
    const milliseconds most = command_.drain + kStopGrace;
    while (::poll(waiting, std::size(waiting), static_cast<int>(most.count())) < 0 && errno == EINTR) {
    }
  }

  template <class Start>
  Status Restart(Child& child, Start start) {
    auto ended = child.process().Wait(seconds(5));
    LogWarn("{} ended ({}): starting it again", child.name(), ended ? ended->AsNumber() : 0);
    do {
      if (!child.MayRestart()) {
        return Fail(Code::kInternal, "{} ended {} times in a row: see the log above", child.name(), kMaxRestarts + 1);
      }
      Status started = start();
      if (started) return {};
      LogWarn("{} could not be started again: {}", child.name(), started.error().message());
      child.Stop();
    } while (!SignalledWithin(kRestartPause));
    return {};
  }

  bool SignalledWithin(milliseconds wait) const {
    pollfd signalled{signals_.get(), POLLIN, 0};
    return ::poll(&signalled, 1, static_cast<int>(wait.count())) > 0;
  }

  // Where this machine's own clients reach the API.
  std::string ConnectHost() const { return command_.listen.host == "0.0.0.0" ? "127.0.0.1" : command_.listen.host; }
  std::string Url() const { return fmt::format("http://{}:{}", ConnectHost(), ready_.port); }

  UpCommand command_;
  UniqueFd lock_, signals_;
  UniqueFd worker_says_;  // until the worker has said that it is ready
  Child control_{"control"}, worker_{"worker"};
  ControlReady ready_;
};

}  // namespace

int RunUp(const UpCommand& command) {
  InitLog("up");
  Status status = Up(command).Run();
  return status ? 0 : Complain(status.error());
}

}  // namespace burrow::cmd
