#include "builder/host_command.h"

#include <signal.h>

#include <utility>

#include "base/log.h"

namespace burrow::builder {
namespace {

constexpr std::chrono::milliseconds kHostReapDeadline{10'000};

}  // namespace

Result<os::ExitStatus> RunHostCommand(os::SpawnOptions command, Watched watched, OutputTail& tail,
                                      const Cancellation& cancellation) {
  BURROW_ASSIGN_OR_RETURN(auto pipe, os::MakePipe());
  command.fds = {{pipe.write.get(), 1}, {pipe.write.get(), 2}};
  command.new_session = true;
  command.parent_death_signal = SIGKILL;
  const std::string name = command.argv.front();
  BURROW_ASSIGN_OR_RETURN(auto process, os::Spawn(command));
  pipe.write.Reset();
  watched.pidfd = process.pidfd();
  watched.output = pipe.read.get();
  Status ended = WatchUntilExit(watched, tail, cancellation);
  if (ended) return process.Wait(kHostReapDeadline);
  const pid_t session = process.pid();
  ::kill(-session, SIGTERM);  // what it started, too
  if (auto stopped = process.Stop(kHostReapDeadline); !stopped) LogWarn("{}: {}", name, stopped.error().message());
  ::kill(-session, SIGKILL);
  return Forward(std::move(ended.error()));
}

}  // namespace burrow::builder
