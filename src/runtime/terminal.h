// Terminals of containers, seen from outside. Private to this module, but for TerminalSize in container.h.
#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "os/process.h"
#include "runtime/container.h"
#include "runtime/engine.h"

namespace burrow::runtime {

struct Terminal {
  UniqueFd master, slave;
};
// A terminal of the machine itself; raw: what goes through it is left alone.
enum class TerminalMode { kUsual, kRaw };
Result<Terminal> OpenTerminal(TerminalSize size, TerminalMode mode);
Status ResizeTerminal(int master, TerminalSize size);

// A unix socket on which an engine hands out the master of the terminal that it made inside the container.
class ConsoleSocket {
 public:
  // In `directory`, which must be short-lived: the socket's name stays there.
  static Result<ConsoleSocket> Listen(const std::string& directory);
  // Opens it in every process of this pid and mount namespace for as long as this lives, and is short: names of unix
  // sockets have 107 bytes.
  const std::string& path() const { return path_; }
  // The master, close-on-exec. Blocks for at most `deadline`.
  Result<UniqueFd> Receive(std::chrono::milliseconds deadline) const;

 private:
  UniqueFd directory_, listening_;
  std::string path_;
};

// The terminal of a process that an engine starts, as its owner holds it.
class EngineTerminal {
 public:
  // Starts the engine with a terminal of this size. `directory` must be short-lived, see ConsoleSocket. Blocks.
  Result<StartedEngine> Start(EngineRun run, TerminalSize size, const std::string& directory,
                              std::chrono::milliseconds deadline);
  bool valid() const { return master_.valid(); }
  // The outer end, as a descriptor of the caller's.
  Result<UniqueFd> Open() const;
  Status Resize(TerminalSize size, os::Process& engine);

 private:
  UniqueFd master_;
  bool engine_resizes_ = false;  // the terminal inside follows ours when the engine is told
};

}  // namespace burrow::runtime
