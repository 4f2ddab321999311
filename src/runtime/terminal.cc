#include "runtime/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "os/fd_message.h"
#include "os/fs.h"

namespace burrow::runtime {
namespace {

using std::chrono::milliseconds;
using TerminalClock = std::chrono::steady_clock;

constexpr milliseconds kConsoleDeadline{10'000};

Status WaitForConsole(int fd, TerminalClock::time_point end) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - TerminalClock::now()).count();
    if (left <= 0) return Fail(Code::kDeadlineExceeded, "the engine did not hand out the container's terminal");
    pollfd waited{fd, POLLIN, 0};
    const int ready = poll(&waited, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return FailErrno("wait for the container's terminal");
  }
}

// The one descriptor that a message brings.
Result<UniqueFd> ReceiveDescriptor(int connection) {
  auto message = os::ReceiveMessage(connection);
  if (!message) return Forward(std::move(message.error()).WithContext("receive the container's terminal"));
  if (message->descriptors.empty()) return Fail(Code::kInternal, "the engine handed out no terminal");
  return std::move(message->descriptors.front());
}

winsize WindowOf(TerminalSize size) {
  winsize window{};
  window.ws_row = size.rows;
  window.ws_col = size.columns;
  return window;
}

}  // namespace

Result<Terminal> OpenTerminal(TerminalSize size, TerminalMode mode) {
  Terminal terminal;
  terminal.master.Reset(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  const int master = terminal.master.get();
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return FailErrno("make a terminal");
  terminal.slave.Reset(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave.valid()) return FailErrno("open a terminal");
  termios settings{};
  if (tcgetattr(terminal.slave.get(), &settings) != 0) return FailErrno("read a terminal's settings");
  if (mode == TerminalMode::kRaw) cfmakeraw(&settings);
  if (tcsetattr(terminal.slave.get(), TCSANOW, &settings) != 0) return FailErrno("make a terminal raw");
  BURROW_RETURN_IF_ERROR(ResizeTerminal(master, size));
  return terminal;
}

Status ResizeTerminal(int master, TerminalSize size) {
  const winsize window = WindowOf(size);
  if (ioctl(master, TIOCSWINSZ, &window) != 0) return FailErrno("resize a terminal");
  return {};
}

Result<ConsoleSocket> ConsoleSocket::Listen(const std::string& directory) {
  ConsoleSocket made;
  BURROW_ASSIGN_OR_RETURN(made.directory_, os::Open(directory, O_PATH | O_DIRECTORY));
  made.path_ = fmt::format("/proc/{}/fd/{}/console", getpid(), made.directory_.get());
  made.listening_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  made.path_.copy(address.sun_path, sizeof address.sun_path - 1);
  if (!made.listening_.valid() ||
      bind(made.listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(made.listening_.get(), 1) != 0) {
    return FailErrno("listen for the container's terminal");
  }
  return made;
}

Result<UniqueFd> ConsoleSocket::Receive(milliseconds deadline) const {
  const auto end = TerminalClock::now() + deadline;
  BURROW_RETURN_IF_ERROR(WaitForConsole(listening_.get(), end));
  UniqueFd connection(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.valid()) return FailErrno("accept the engine");
  BURROW_RETURN_IF_ERROR(WaitForConsole(connection.get(), end));
  return ReceiveDescriptor(connection.get());
}

// crun hands out the terminal that it makes in the container, runsc does so for the first process. runc does so only
// where it does not stay, and nobody would have the exit code: it gets a terminal of ours, and carries bytes and sizes
// between the two. A further process under runsc has a terminal of ours as its own.
Result<StartedEngine> EngineTerminal::Start(EngineRun run, TerminalSize size, const std::string& directory,
                                            std::chrono::milliseconds deadline) {
  const bool further = !run.process_file.empty();
  if (run.engine == Engine::kCrun || (run.engine == Engine::kRunsc && !further)) {
    BURROW_ASSIGN_OR_RETURN(const ConsoleSocket console, ConsoleSocket::Listen(directory));
    run.console_socket = console.path();
    BURROW_ASSIGN_OR_RETURN(auto engine, StartEngine(run, deadline));
    BURROW_ASSIGN_OR_RETURN(master_, console.Receive(kConsoleDeadline));
    BURROW_RETURN_IF_ERROR(ResizeTerminal(master_.get(), size));  // of a further process the engine says nothing
    return engine;
  }
  const bool carries = run.engine == Engine::kRunc;
  BURROW_ASSIGN_OR_RETURN(Terminal made, OpenTerminal(size, carries ? TerminalMode::kRaw : TerminalMode::kUsual));
  for (const int number : {0, 1, 2}) run.fds.emplace_back(made.slave.get(), number);
  run.controlling_terminal = !carries;
  master_ = std::move(made.master);
  engine_resizes_ = carries;
  return StartEngine(run, deadline);
}

Result<UniqueFd> EngineTerminal::Open() const {
  UniqueFd fd(fcntl(master_.get(), F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) return FailErrno("duplicate a terminal");
  return fd;
}

Status EngineTerminal::Resize(TerminalSize size, os::Process& engine) {
  BURROW_RETURN_IF_ERROR(ResizeTerminal(master_.get(), size));
  if (engine_resizes_ && engine.running()) return engine.Signal(SIGWINCH);
  return {};
}

}  // namespace burrow::runtime
