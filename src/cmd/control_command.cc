// `burrowd control`: runs control on one loop until a signal, and tells a parent its address and tokens.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <filesystem>
#include <utility>

#include "base/faults.h"
#include "base/log.h"
#include "cmd/handshake.h"
#include "cmd/listen_check.h"
#include "cmd/options.h"
#include "control/control.h"
#include "os/fs.h"
#include "os/open_files.h"

namespace burrow::cmd {
namespace {

constexpr size_t kOpenFiles = 65'536;  // more than the connections that are taken

Status Announce(const ControlCommand& command, const control::Control& control) {
  if (command.common.handshake_fd < 0) {
    fmt::print("burrowd control ready http://{}:{}\n", command.listen.host, control.port());
    std::fflush(stdout);
    return {};
  }
  return SendLine(
      command.common.handshake_fd,
      {{"port", control.port()}, {"client_token", control.client_token()}, {"worker_token", control.worker_token()}});
}

// What signals do. Alone, the first one drains and the second one hurries; a parent says by kDrainSignal when to drain.
class Signals {
 public:
  Signals(net::IoContext& io, control::Control& control, const ControlCommand& command)
      : io_(io), control_(control), drain_(command.drain), alone_(command.common.handshake_fd < 0), set_(io, SIGTERM) {
    set_.add(alone_ ? SIGINT : kDrainSignal);
    Await();
  }
  bool failed() const { return failed_; }

 private:
  void Await() {
    set_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      Take(alone_ || number == kDrainSignal ? drain_ : std::chrono::seconds(0));
      Await();
    });
  }
  void Take(std::chrono::seconds drain) {
    if (std::exchange(stopping_, true)) return control_.Hurry();
    boost::asio::co_spawn(io_, Leave(drain), [this](const std::exception_ptr& thrown) {
      failed_ = thrown != nullptr;
      io_.stop();
    });
  }
  net::Task<void> Leave(std::chrono::seconds drain) {
    co_await control_.Drain(drain);
    co_await control_.Stop();
  }

  net::IoContext& io_;
  control::Control& control_;
  const std::chrono::seconds drain_;
  const bool alone_;
  bool stopping_ = false, failed_ = false;
  boost::asio::signal_set set_;
};

Status Run(const ControlCommand& command) {
  KillPoint("control.starting");
  BURROW_RETURN_IF_ERROR(CheckFirstStart(command.common.state_directory, command.listen));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(command.common.state_directory, 0700));
  os::RaiseOpenFiles(kOpenFiles);
  net::IoContext io(1);
  control::ControlOptions options;
  options.state_directory = std::filesystem::canonical(command.common.state_directory);
  options.http.host = command.listen.host;
  options.http.port = command.listen.port;
  options.blobs = {.location = command.blobs.store,
                   .credentials_file = command.blobs.credentials_file,
                   .grace = std::chrono::seconds(command.blobs.grace_seconds)};
  BURROW_ASSIGN_OR_RETURN(options.registry, oci::ParseDefaultRegistry(command.default_registry));
  BURROW_ASSIGN_OR_RETURN(auto control, control::Control::Start(io, options));

  Signals signals(io, *control, command);
  BURROW_RETURN_IF_ERROR(Announce(command, *control));
  io.run();
  if (signals.failed()) return Fail(Code::kInternal, "control could not stop cleanly: see the log");
  return {};
}

}  // namespace

int RunControlCommand(const ControlCommand& command) {
  InitLog("control");
  LeaveTerminalToParent(command.common.handshake_fd);
  Status status = Run(command);
  return status ? 0 : Refuse(command.common.handshake_fd, status.error());
}

}  // namespace burrow::cmd
